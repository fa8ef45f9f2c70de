"""Why something does not get ready: its pods, their events and their last log lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from airferry_foundation.errors import ClusterError
from airferry_installer.applying import health
from airferry_installer.applying.order import shown
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.planning.plan import ObjectRef
from airferry_rendering.objects import Object

_EVENTS, _LINES, _PODS = 3, 5, 3


def pods_of(client: ClusterClient, workload: Object) -> list[Object]:
    """The pods of a workload's newest version; those of the one it replaces don't count."""
    metadata, kind = workload["metadata"], workload["kind"]
    namespace = str(metadata.get("namespace", ""))
    if kind == "Pod":
        return [workload]
    labels = (workload.get("spec", {}).get("selector") or {}).get("matchLabels")
    if not labels:
        return []
    found = client.list("v1", "Pod", namespace, _selector(labels))
    if kind == "StatefulSet":
        revision = workload.get("status", {}).get("updateRevision")
        return [p for p in found if _label(p, "controller-revision-hash") == revision]
    if kind == "DaemonSet":
        generation = str(metadata.get("generation"))
        return [p for p in found if _label(p, "pod-template-generation") in (generation, None)]
    if kind == "Deployment":
        newest = _newest_set(client, workload, namespace, _selector(labels))
        return [p for p in found if newest and _label(p, "pod-template-hash") == newest]
    return found


def explain(client: ClusterClient, refs: Iterable[ObjectRef]) -> str:
    """Lines about the pods behind some objects that are not ready."""
    lines: list[str] = []
    for ref in refs:
        with suppress(ClusterError):  # an explanation must not hide what it explains
            lines += _about(client, ref)
    return "\n".join(lines)


def stuck_pod(client: ClusterClient, workload: Object) -> str:
    """The first pod of a workload that won't get ready without help, and why; '' if none.

    Failed pods are replaced by their workload, and a Job counts its crashes itself.
    """
    for pod in pods_of(client, workload):
        reason = health.stuck(pod)
        counted = workload["kind"] == "Job" and "CrashLoopBackOff" in reason
        if reason and not counted and pod.get("status", {}).get("phase") != "Failed":
            return f"pod {pod['metadata']['name']}: {reason}"
    return ""


def _about(client: ClusterClient, ref: ObjectRef) -> Iterator[str]:
    live = client.get(ref)
    if live is None:
        yield f"  {shown(ref)} is not there"
        return
    yield from _events(client, live, "  ")
    if ref.kind not in health.WORKLOADS:
        return
    bad = [pod for pod in pods_of(client, live) if not health.judge(pod).ready]
    for pod in bad[:_PODS]:
        name = pod["metadata"]["name"]
        yield f"  pod {name}: {health.judge(pod).note}"
        yield from _events(client, pod, "    ")
        yield from _logs(client, pod)


def _events(client: ClusterClient, obj: Object, indent: str) -> Iterator[str]:
    metadata = obj["metadata"]
    found = client.events(metadata.get("namespace") or "default", metadata["uid"])
    warnings = [event for event in found if event.get("type") == "Warning"]
    for event in warnings[-_EVENTS:]:
        yield f"{indent}event {event.get('reason')}: {str(event.get('message', ''))[:300]}"


def _logs(client: ClusterClient, pod: Object) -> Iterator[str]:
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    status = pod.get("status", {})
    for container in (
        *status.get("initContainerStatuses", ()),
        *status.get("containerStatuses", ()),
    ):
        if container.get("ready"):
            continue
        crashed = bool(container.get("lastState", {}).get("terminated"))
        text = client.logs(namespace, name, container["name"], lines=_LINES, previous=crashed)
        for line in text.splitlines():
            yield f"    log {container['name']}: {line[:300]}"


def _newest_set(
    client: ClusterClient, deployment: Object, namespace: str, selector: str
) -> str | None:
    """The pod-template-hash of the ReplicaSet that holds a Deployment's newest template."""
    key = "deployment.kubernetes.io/revision"
    wanted = (deployment["metadata"].get("annotations") or {}).get(key)
    for found in client.list("apps/v1", "ReplicaSet", namespace, selector):
        owners = found["metadata"].get("ownerReferences") or ()
        mine = any(owner["uid"] == deployment["metadata"]["uid"] for owner in owners)
        if mine and (found["metadata"].get("annotations") or {}).get(key) == wanted:
            return _label(found, "pod-template-hash")
    return None


def _label(obj: Object, name: str) -> str | None:
    value = (obj["metadata"].get("labels") or {}).get(name)
    return None if value is None else str(value)


def _selector(labels: Mapping[str, Any]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
