"""What a person must see before agreeing to a step: pure judgements over one object.

Only what is new counts: a pod that has been privileged for a year is no news in a plan that changes
its image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from airferry_installer.planning.plan import PlannedDanger
from airferry_rendering import images
from airferry_rendering.objects import Object

HOLDS_DATA = {
    "PersistentVolumeClaim": "the claim and what is stored on it go",
    "PersistentVolume": "the volume and what is stored on it go",
    "Namespace": "everything in the namespace goes, also what others put there",
    "CustomResourceDefinition": "every object of this kind goes, in all namespaces",
}
_HARMLESS = {"NET_BIND_SERVICE"}
_SHARED = {"hostNetwork": "network", "hostPID": "processes", "hostIPC": "shared memory"}
_ROLES = {"Role", "ClusterRole"}
_BINDINGS = {"RoleBinding", "ClusterRoleBinding"}

Found = tuple[str, str]
"""(danger, text)"""


def of(action: str, live: Object | None, after: Object | None) -> tuple[PlannedDanger, ...]:
    """The dangers of a step; `after` is None for a prune."""
    found: list[Found] = []
    if action in ("prune", "replace") and live is not None:
        found += _deletions(live)
    if action == "replace":
        found.append(("immutable field", "a field can't be changed: deleted and made anew"))
    if after is not None and action != "unchanged":
        known = set(_of_object(live)) if live is not None else set()
        found += [danger for danger in _of_object(after) if danger not in known]
    return tuple(PlannedDanger(danger=d, text=t) for d, t in dict.fromkeys(found))  # type: ignore[arg-type] # the words stand in this file alone


def _deletions(live: Object) -> Iterator[Found]:
    kind = live["kind"]
    if kind in HOLDS_DATA:
        yield "deletes data", HOLDS_DATA[kind]
    policy = live.get("spec", {}).get("persistentVolumeClaimRetentionPolicy") or {}
    if kind == "StatefulSet" and policy.get("whenDeleted") == "Delete":
        yield "deletes data", "its claims go with it (whenDeleted: Delete)"


def _of_object(obj: Object) -> Iterator[Found]:
    if obj["kind"] in _ROLES:
        for rule in obj.get("rules") or []:
            yield from (("widens rights", right) for right in _rights(rule))
    elif obj["kind"] in _BINDINGS:
        role = obj.get("roleRef") or {}
        for subject in obj.get("subjects") or []:
            where = f"{subject['namespace']}/" if subject.get("namespace") else ""
            who = f"{subject.get('kind')} {where}{subject.get('name')}"
            yield "widens rights", f"{who} gets {role.get('kind')} {role.get('name')}"
    for _, spec in images.pod_specs(obj):
        yield from _of_pod(spec)


def _rights(rule: dict[str, Any]) -> Iterator[str]:
    verbs = ", ".join(rule.get("verbs") or [])
    for url in rule.get("nonResourceURLs") or []:
        yield f"{verbs} of {url}"
    names = f" named {', '.join(rule['resourceNames'])}" if rule.get("resourceNames") else ""
    for group in rule.get("apiGroups") or []:
        for resource in rule.get("resources") or []:
            yield f"{verbs} of {resource}{f'.{group}' if group else ''}{names}"


def _of_pod(spec: dict[str, Any]) -> Iterator[Found]:
    for field, what in _SHARED.items():
        if spec.get(field):
            yield "host access", f"shares the node's {what} ({field})"
    for volume in spec.get("volumes") or []:
        if isinstance(volume, dict) and volume.get("hostPath"):
            yield "host access", f"mounts {volume['hostPath'].get('path')} of the node"
    for _, container in images.containers(spec):
        yield from _of_container(container, f"container {container.get('name')}")


def _of_container(container: dict[str, Any], name: str) -> Iterator[Found]:
    for port in container.get("ports") or []:
        if port.get("hostPort"):
            yield "host access", f"{name} takes port {port['hostPort']} of the node"
    context = container.get("securityContext") or {}
    if context.get("privileged"):
        yield "privileged", f"{name} is privileged"
    for capability in (context.get("capabilities") or {}).get("add") or []:
        if capability not in _HARMLESS:
            yield "privileged", f"{name} gets the capability {capability}"
