"""One object into the cluster or out of it: server-side apply without force, delete by uid.

What may pass is tried again: a kind whose CRD was established a moment ago, a webhook that is still
starting, an API server that restarts. What will not pass (conflicts, refusals, rights) raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from airferry_foundation import clock
from airferry_foundation.errors import (
    ClusterDeniedError,
    ClusterError,
    ConflictError,
    ObjectRefusedError,
    UnhealthyError,
)
from airferry_installer.applying import health
from airferry_installer.applying.order import ref_of, shown
from airferry_installer.cluster.client import ClusterClient, ImmutableFieldError
from airferry_installer.planning.plan import ObjectRef
from airferry_rendering.objects import Object

PATIENCE = 30.0
"""Seconds for what may pass."""

_PAUSE = 0.25
_LASTING = (ConflictError, ObjectRefusedError, ClusterDeniedError)

T = TypeVar("T")


def put(client: ClusterClient, body: Object) -> Object:
    """Server-side apply; a Job that can't be changed in place is made anew."""
    try:
        return patiently(lambda: client.apply(body))
    except ImmutableFieldError:
        if body["kind"] != "Job":
            raise
        return recreate(client, body, None, timeout=PATIENCE)


def recreate(client: ClusterClient, body: Object, uid: str | None, *, timeout: float) -> Object:
    """Delete an object and make it anew, a Job only once it has ended.

    `uid` is that of the object to go: if another one is there it was made anew already.
    """
    ref = ref_of(body)
    live = client.get(ref)
    if live is not None and (uid is None or live["metadata"]["uid"] == uid):
        if ref.kind == "Job":
            _await_end(client, ref, timeout)
        pods_stay = ref.kind == "StatefulSet"
        remove(client, ref, str(live["metadata"]["uid"]), timeout=timeout, orphan=pods_stay)
    return patiently(lambda: client.apply(body))


def remove(
    client: ClusterClient,
    ref: ObjectRef,
    uid: str | None,
    *,
    timeout: float = PATIENCE,
    orphan: bool = False,
) -> None:
    """Delete an object and wait until it is gone; `uid` set: only that very one.

    UnhealthyError names the finalizers that hold it; they are never removed.
    """
    live = client.get(ref)
    if live is None or (uid is not None and live["metadata"]["uid"] != uid):
        return
    mine = str(live["metadata"]["uid"])
    way = "Orphan" if orphan else "Background"
    patiently(lambda: client.delete(ref, uid=mine, propagation=way))  # type: ignore[arg-type] # mypy widens the literal
    deadline = clock.monotonic() + timeout
    while live is not None and live["metadata"]["uid"] == mine:
        if clock.monotonic() > deadline:
            held = ", ".join(live["metadata"].get("finalizers", ())) or "nothing known"
            raise UnhealthyError(
                f"{shown(ref)} was deleted {timeout:.0f} s ago and is still there; "
                f"its finalizers: {held}",
                "Find out why its controller does not finish; then give the command again.",
            )
        clock.pause(_PAUSE)
        live = client.get(ref)


def patiently(action: Callable[[], T], *, seconds: float = PATIENCE) -> T:
    """Do something that the cluster may refuse for a moment."""
    deadline = clock.monotonic() + seconds
    while True:
        try:
            return action()
        except _LASTING:
            raise
        except ClusterError:
            if clock.monotonic() > deadline:
                raise
            clock.pause(_PAUSE * 2)


def _await_end(client: ClusterClient, ref: ObjectRef, timeout: float) -> None:
    deadline = clock.monotonic() + timeout
    while True:
        live = client.get(ref)
        if live is None or health.judge(live).state != "waiting":
            return
        if clock.monotonic() > deadline:
            raise UnhealthyError(
                f"{shown(ref)} is to be replaced but has run for another {timeout:.0f} s",
                "Let it end, or delete it; then give the command again.",
            )
        clock.pause(_PAUSE)
