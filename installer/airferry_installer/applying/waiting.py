"""Waiting until objects are ready; a failure that time won't mend ends it early."""

from __future__ import annotations

from collections.abc import Sequence

from airferry_foundation import clock
from airferry_foundation.errors import UnhealthyError
from airferry_foundation.progress import SILENT, Progress, Task
from airferry_installer.applying import diagnosis, health
from airferry_installer.applying.health import Health
from airferry_installer.applying.order import shown
from airferry_installer.applying.writing import patiently
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.planning.plan import ObjectRef

GRACE = 5.0
"""Seconds for which a pod must stay stuck before its workload counts as failed."""

_SLOWEST = 2.0


def until_ready(
    client: ClusterClient,
    refs: Sequence[ObjectRef],
    *,
    timeout: float,
    what: str,
    progress: Progress = SILENT,
) -> None:
    """Return once every object is ready; UnhealthyError, early or at the timeout, says why not."""
    if not refs:
        return
    task = progress.start(f"waiting for {what}", len(refs), "items")
    try:
        _Wait(client, refs, timeout, task, progress).run()
    except BaseException:
        task.finish("not ready")
        raise
    task.finish("ready")


class _Wait:
    def __init__(
        self,
        client: ClusterClient,
        refs: Sequence[ObjectRef],
        timeout: float,
        task: Task,
        progress: Progress,
    ) -> None:
        self._client, self._task, self._progress = client, task, progress
        self._left: dict[ObjectRef, Health] = {ref: Health("waiting") for ref in refs}
        self._timeout = timeout
        self._deadline = clock.monotonic() + timeout
        self._stuck_since: dict[ObjectRef, float] = {}

    def run(self) -> None:
        pause = 0.1
        while True:
            self._look()
            if not self._left:
                return
            if clock.monotonic() > self._deadline:
                raise self._unhealthy(f"not ready within {self._timeout:.0f} s", self._left)
            clock.pause(pause)
            pause = min(pause * 1.5, _SLOWEST)

    def _look(self) -> None:
        for ref in tuple(self._left):
            found = self._judge(ref)
            if found.state == "failed":
                raise self._unhealthy("it can't get ready", {ref: found})
            if found.ready:
                self._ready(ref, found)
            else:
                self._left[ref] = found

    def _ready(self, ref: ObjectRef, found: Health) -> None:
        del self._left[ref]
        self._task.advance(1)
        if found.note:
            self._progress.note(f"{shown(ref)}: {found.note}")

    def _judge(self, ref: ObjectRef) -> Health:
        live = patiently(lambda: self._client.get(ref))
        if live is None:
            return Health("waiting", "it is not there")
        found = health.judge(live)
        if found.state != "waiting" or ref.kind not in health.WORKLOADS:
            return found
        stuck = patiently(lambda: diagnosis.stuck_pod(self._client, live))
        if not stuck:
            self._stuck_since.pop(ref, None)
            return found
        since = self._stuck_since.setdefault(ref, clock.monotonic())
        return Health("failed", stuck) if clock.monotonic() - since >= GRACE else found

    def _unhealthy(self, verdict: str, found: dict[ObjectRef, Health]) -> UnhealthyError:
        listed = "\n".join(f"  {shown(ref)}: {h.note}" for ref, h in sorted(found.items(), key=_by))
        about = diagnosis.explain(self._client, list(found)[:3])
        detail = f"{listed}\n{about}" if about else listed
        return UnhealthyError(
            f"{len(found)} object{'s' if len(found) > 1 else ''}: {verdict}\n{detail}",
            "Mend the cause and give the same apply again, or: apply --backout",
        )


def _by(item: tuple[ObjectRef, Health]) -> str:
    return shown(item[0])
