"""Hooks: Jobs and objects that run at a moment of an apply instead of staying.

They run one after another, as Helm runs them: what an earlier run left is deleted first (the
default policy), a Job or Pod is waited for, and what asks for it is deleted when all of the moment
have ended well. Each hook carries the plan's digest, and one that has ended well is written down in
the inventory: after a cut it is neither forgotten nor run twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from airferry_foundation import clock
from airferry_foundation.errors import UnhealthyError
from airferry_foundation.progress import Progress
from airferry_installer.applying import diagnosis, health, writing
from airferry_installer.applying.ledger import Ledger
from airferry_installer.applying.order import ref_of, shown
from airferry_installer.applying.waiting import GRACE
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.planning.plan import ObjectRef
from airferry_rendering.hooks import Hook
from airferry_rendering.objects import Object

PLAN = "airferry.dev/plan"
"""The annotation that says which plan's hook an object is."""

MOMENT = "airferry.dev/moment"
"""The annotation that says when it runs: one object may run both before and after."""

_WAITED = ("Job", "Pod")
_PAUSE = 0.25


class RunnableHook(Protocol):
    """A rendered object that is a hook."""

    @property
    def body(self) -> Object:
        """The object."""

    @property
    def hook(self) -> Hook | None:
        """When it runs."""

    @property
    def phase(self) -> str:
        """`pre-hooks` or `post-hooks`."""


def run(
    client: ClusterClient,
    ledger: Ledger,
    hooks: Sequence[RunnableHook],
    *,
    plan: str,
    timeout: float,
    progress: Progress,
) -> None:
    """Run the hooks of one moment; UnhealthyError if one fails, with its pods' events and logs."""
    for item in hooks:
        ref = ref_of(item.body)
        name = f"{item.phase} {shown(ref)}"
        if name in ledger.now.hooks_done:
            continue
        progress.note(f"run {name}")
        try:
            _run_one(client, item, ref, plan, timeout)
        except UnhealthyError:
            if _has(item, "hook-failed"):
                writing.remove(client, ref, None, timeout=timeout)
            raise
        ledger.hook_done(name)
    for item in hooks:
        if _has(item, "hook-succeeded"):
            remove_ours(client, ref_of(item.body), plan, timeout)


def marked(item: RunnableHook, plan: str) -> Object:
    """The object, saying which plan and moment it belongs to."""
    body = item.body
    metadata = body["metadata"]
    annotations = {**(metadata.get("annotations") or {}), PLAN: plan, MOMENT: item.phase}
    return {**body, "metadata": {**metadata, "annotations": annotations}}


def _run_one(
    client: ClusterClient, item: RunnableHook, ref: ObjectRef, plan: str, timeout: float
) -> None:
    live = client.get(ref)
    if live is not None and _must_go(item, live, plan):
        writing.remove(client, ref, str(live["metadata"]["uid"]), timeout=timeout)
    if live is None or not _goes_on(item, live, plan):
        writing.put(client, marked(item, plan))
    if ref.kind in _WAITED:
        _await_end(client, ref, timeout)


def _goes_on(item: RunnableHook, live: Object, plan: str) -> bool:
    """Whether an object is this plan's run of the hook, under way or ended well before a cut."""
    annotations = live["metadata"].get("annotations") or {}
    ours = (annotations.get(PLAN), annotations.get(MOMENT)) == (plan, item.phase)
    going = not live["metadata"].get("deletionTimestamp")
    return ours and going and live["kind"] in _WAITED and health.judge(live).state != "failed"


def _must_go(item: RunnableHook, live: Object, plan: str) -> bool:
    if _goes_on(item, live, plan):
        return False
    ran = live["kind"] in _WAITED  # such an object can't run again without being made anew
    return ran or item.hook is None or item.hook.deletes_before


def _await_end(client: ClusterClient, ref: ObjectRef, timeout: float) -> None:
    deadline, stuck_since = clock.monotonic() + timeout, 0.0
    while True:
        live = writing.patiently(lambda: client.get(ref))
        if live is None:
            raise UnhealthyError(f"hook {shown(ref)} is gone: somebody deleted it while it ran")
        found = _ended(live)
        if found.ready:
            return
        stuck = diagnosis.stuck_pod(client, live) if found.state == "waiting" else ""
        stuck_since = (stuck_since or clock.monotonic()) if stuck else 0.0
        late = clock.monotonic() > deadline
        hopeless = bool(stuck) and clock.monotonic() - stuck_since > GRACE
        if found.state == "failed" or late or hopeless:
            note = stuck or found.note
            raise UnhealthyError(
                f"hook {shown(ref)} {f'did not end within {timeout:.0f} s' if late else 'failed'}: "
                f"{note}\n{diagnosis.explain(client, [ref])}".rstrip(),
                "Mend the cause and give the same apply again, or: apply --backout",
            )
        clock.pause(_PAUSE)


def _ended(live: Object) -> health.Health:
    """A Job's health; a Pod's, which for a hook means that it ran to its end."""
    if live["kind"] == "Pod" and live.get("status", {}).get("phase") == "Running":
        return health.Health("waiting", "it runs")
    return health.judge(live)


def _has(item: RunnableHook, policy: str) -> bool:
    return item.hook is not None and policy in item.hook.delete_policies


def remove_ours(client: ClusterClient, ref: ObjectRef, plan: str, timeout: float) -> None:
    """Delete what a plan's hook left; another plan's, or somebody else's object, is let be."""
    live = client.get(ref)
    if live is not None and (live["metadata"].get("annotations") or {}).get(PLAN) == plan:
        writing.remove(client, ref, str(live["metadata"]["uid"]), timeout=timeout)
