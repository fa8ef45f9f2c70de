"""Whether an object is ready: pure judgements by the rules of kstatus.

First the object's controller must have seen its newest generation; then each built-in kind has its
own rule, and all others are read by the conditions Ready, Reconciling and Stalled. What can't get
ready by itself, but does no harm, is ready with a statement (`Health.note`): a load balancer
without an address, a claim that waits for its first consumer, a paused Deployment.

Source: https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Object = Mapping[str, Any]
State = Literal["ready", "waiting", "failed"]

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "Pod")
"""Kinds that run pods, and whose health people ask for."""

_STUCK = {
    "CrashLoopBackOff": 3,  # restarts that a program may need until what it depends on is there
    "ImagePullBackOff": 0,
    "ErrImageNeverPull": 0,
    "InvalidImageName": 0,
    "CreateContainerConfigError": 0,
    "RunContainerError": 0,
}
_OBSERVED = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")


@dataclass(frozen=True, slots=True)
class Health:
    """One judgement: `note` says what is waited for, what failed, or what is left as it is."""

    state: State
    note: str = ""

    @property
    def ready(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.state == "ready"


READY = Health("ready")


def judge(obj: Object) -> Health:
    """The health of one live object."""
    if obj.get("metadata", {}).get("deletionTimestamp"):
        return Health("waiting", "it is being deleted")
    unseen = _unseen(obj)
    if unseen:
        return unseen
    rule = _RULES.get((_group(obj), str(obj.get("kind"))), _by_conditions)
    return rule(obj)


def stuck(pod: Object) -> str:
    """Why a pod won't get ready without help, '' if it still may."""
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        return f"it failed: {status.get('reason') or _exits(status) or 'no reason given'}"
    for container in [
        *status.get("initContainerStatuses", ()),
        *status.get("containerStatuses", ()),
    ]:
        waiting = container.get("state", {}).get("waiting", {})
        reason = str(waiting.get("reason", ""))
        if reason in _STUCK and int(container.get("restartCount", 0)) >= _STUCK[reason]:
            return f"container {container.get('name')}: {reason}: {waiting.get('message', '')}"
    return ""


def condition(obj: Object, kind: str) -> Mapping[str, Any]:
    """A condition of an object's status, empty if it has none of that type."""
    found: Mapping[str, Any] = next(
        (c for c in obj.get("status", {}).get("conditions") or () if c.get("type") == kind), {}
    )
    return found


def _group(obj: Object) -> str:
    group, slash, _ = str(obj.get("apiVersion", "")).partition("/")
    return group if slash else ""


def _unseen(obj: Object) -> Health | None:
    """Waiting, if the controller has not seen the newest generation."""
    generation = obj.get("metadata", {}).get("generation")
    observed = obj.get("status", {}).get("observedGeneration")
    never = observed is None and obj.get("kind") in _OBSERVED and _group(obj) == "apps"
    if never or (None not in (generation, observed) and observed < generation):
        return Health("waiting", "its controller has not seen the newest version yet")
    return None


def _exits(status: Mapping[str, Any]) -> str:
    codes = [
        f"container {c.get('name')} exited with {c['state']['terminated'].get('exitCode')}"
        for c in status.get("containerStatuses", ())
        if c.get("state", {}).get("terminated")
    ]
    return ", ".join(codes)


def _short(have: int, want: int, what: str) -> Health:
    return Health("waiting", f"{have} of {want} {what}")


def _deployment(obj: Object) -> Health:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    want = int(spec.get("replicas", 1))
    if spec.get("paused"):
        return Health("ready", "paused: its rollout waits for somebody")
    if condition(obj, "Progressing").get("reason") == "ProgressDeadlineExceeded":
        return Health("failed", "its progress deadline is exceeded")
    updated, total = int(status.get("updatedReplicas", 0)), int(status.get("replicas", 0))
    if updated < want:
        return _short(updated, want, f"pods updated{_replica_failure(obj)}")
    if total > updated:
        return Health("waiting", f"{total - updated} old pods still to end")
    available = int(status.get("availableReplicas", 0))
    if available < want:
        return _short(available, want, "pods available")
    return Health("ready", "zero replicas are asked for") if want == 0 else READY


def _replica_failure(obj: Object) -> str:
    failure = condition(obj, "ReplicaFailure")
    return f": {failure.get('message')}" if failure.get("status") == "True" else ""


def _stateful_set(obj: Object) -> Health:
    spec, status = obj.get("spec", {}), obj.get("status", {})
    want, strategy = int(spec.get("replicas", 1)), spec.get("updateStrategy", {})
    ready, updated = int(status.get("readyReplicas", 0)), int(status.get("updatedReplicas", 0))
    if ready < want:
        return _short(ready, want, "pods ready")
    if strategy.get("type") == "OnDelete":
        return Health("ready", "OnDelete: old pods run until somebody deletes them")
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    if updated < max(want - partition, 0):
        return _short(updated, max(want - partition, 0), "pods updated")
    if partition == 0 and status.get("currentRevision") != status.get("updateRevision"):
        return Health("waiting", "the rollout is not finished")
    return Health("ready", "zero replicas are asked for") if want == 0 else READY


def _daemon_set(obj: Object) -> Health:
    status = obj.get("status", {})
    want = int(status.get("desiredNumberScheduled", 0))
    on_delete = obj.get("spec", {}).get("updateStrategy", {}).get("type") == "OnDelete"
    for field, what in (
        ("updatedNumberScheduled", "pods updated"),
        ("numberAvailable", "pods available"),
        ("numberReady", "pods ready"),
    ):
        have = int(status.get(field, 0))
        if have < want and not (on_delete and field == "updatedNumberScheduled"):
            return _short(have, want, what)
    return Health("ready", "no node fits it") if want == 0 else READY


def _replica_set(obj: Object) -> Health:
    want = int(obj.get("spec", {}).get("replicas", 1))
    have = int(obj.get("status", {}).get("availableReplicas", 0))
    return READY if have >= want else _short(have, want, "pods available")


def _job(obj: Object) -> Health:
    if condition(obj, "Complete").get("status") == "True":
        return READY
    failed = condition(obj, "Failed")
    if failed.get("status") == "True":
        return Health("failed", str(failed.get("message") or failed.get("reason") or "it failed"))
    if obj.get("spec", {}).get("suspend"):
        return Health("ready", "suspended")
    active = int(obj.get("status", {}).get("active", 0))
    return Health("waiting", f"{active} pods run")


def _pod(obj: Object) -> Health:
    phase = obj.get("status", {}).get("phase")
    if phase == "Succeeded":
        return READY
    reason = stuck(obj)
    if reason:
        return Health("failed", reason)
    if phase == "Running" and condition(obj, "Ready").get("status") == "True":
        return READY
    return Health("waiting", f"phase {phase}")


def _claim(obj: Object) -> Health:
    phase = obj.get("status", {}).get("phase")
    if phase == "Lost":
        return Health("failed", "its volume is lost")
    # An unbound claim may wait for its first consumer; if one needs it, that pod won't get ready.
    return READY if phase == "Bound" else Health("ready", "not bound yet")


def _service(obj: Object) -> Health:
    balancer = obj.get("spec", {}).get("type") == "LoadBalancer"
    if balancer and not obj.get("status", {}).get("loadBalancer", {}).get("ingress"):
        return Health("ready", "its load balancer has no address yet")
    return READY


def _definition(obj: Object) -> Health:
    if condition(obj, "NamesAccepted").get("status") == "False":
        return Health("failed", str(condition(obj, "NamesAccepted").get("message")))
    established = condition(obj, "Established").get("status") == "True"
    return READY if established else Health("waiting", "not established yet")


def _namespace(obj: Object) -> Health:
    phase = obj.get("status", {}).get("phase", "Active")
    return READY if phase == "Active" else Health("waiting", f"phase {phase}")


def _api_service(obj: Object) -> Health:
    available = condition(obj, "Available")
    if available.get("status") == "True":
        return READY
    return Health("waiting", str(available.get("message") or "its service does not answer yet"))


def _by_conditions(obj: Object) -> Health:
    stalled = condition(obj, "Stalled")
    if stalled.get("status") == "True":
        return Health("failed", str(stalled.get("message") or "stalled"))
    if condition(obj, "Reconciling").get("status") == "True":
        return Health("waiting", "its controller is at work")
    ready = condition(obj, "Ready")
    if ready.get("status") in ("False", "Unknown"):
        return Health("waiting", str(ready.get("message") or ready.get("reason") or "not ready"))
    return READY


_RULES: dict[tuple[str, str], Callable[[Object], Health]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "Service"): _service,
    ("", "Namespace"): _namespace,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
    ("apiregistration.k8s.io", "APIService"): _api_service,
}
