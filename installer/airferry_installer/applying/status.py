"""What runs: the inventory's revision, and every workload's readiness and images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airferry_foundation.errors import StateMissingError
from airferry_installer.applying import diagnosis, finding, health
from airferry_installer.applying.inventory import Inventory
from airferry_installer.applying.order import identity, ref_of
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.planning import rendered as renders
from airferry_installer.planning.plan import ObjectRef, Running
from airferry_installer.state.folder import StateFolder
from airferry_rendering import images
from airferry_rendering.objects import Object


@dataclass(frozen=True, slots=True)
class WorkloadStatus:
    """One workload. `strange` lists images that its pods run and the release does not name."""

    ref: ObjectRef
    ready: bool
    note: str
    pods: int
    strange: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """One product in one environment. `inventory` None: never applied.

    `compared` is false where this state folder does not know the release's images.
    """

    environment: str
    product: str
    inventory: Inventory | None = None
    workloads: tuple[WorkloadStatus, ...] = ()
    compared: bool = True

    @property
    def running(self) -> Running | None:
        """What was last put in place whole."""
        return self.inventory.running if self.inventory else None

    @property
    def good(self) -> bool:
        """Whether something runs, all of it is ready, and nothing else runs in its place."""
        settled = self.inventory is not None and self.inventory.state in ("applied", "backed-out")
        return (
            settled
            and self.running is not None
            and all(w.ready and not w.strange for w in self.workloads)
        )


def look(state: StateFolder, client: ClusterClient, environment: str, product: str) -> Status:
    """The status of one product in one environment."""
    held = finding.find(state, client, environment, product)
    if held is None:
        return Status(environment, product)
    found = held.inventory
    pinned = _pinned(state, found)
    workloads = tuple(
        _workload(client, item.ref, pinned)
        for item in found.objects
        if item.ref.kind in health.WORKLOADS
    )
    return Status(environment, product, found, workloads, compared=pinned is not None)


def _pinned(
    state: StateFolder, found: Inventory
) -> Mapping[tuple[str, str, str, str], frozenset[str]] | None:
    """Which images each workload may run; None where the release is not kept here."""
    settled = found.state in ("applied", "backed-out")
    running = found.running if settled else found.target or found.running
    if running is None:
        return None
    try:
        rendered = renders.load(state, running.rendered)
    except StateMissingError:
        return None
    return {
        identity(ref_of(item.body)): frozenset(image for _, image in images.find(item.body))
        for item in rendered.objects
    }


def _workload(
    client: ClusterClient,
    ref: ObjectRef,
    pinned: Mapping[tuple[str, str, str, str], frozenset[str]] | None,
) -> WorkloadStatus:
    live = client.get(ref)
    if live is None:
        return WorkloadStatus(ref, ready=False, note="it is not there", pods=0)
    verdict = health.judge(live)
    pods = diagnosis.pods_of(client, live)
    note = verdict.note
    if not verdict.ready:
        note = diagnosis.stuck_pod(client, live) or note
    allowed = None if pinned is None else pinned.get(identity(ref), frozenset())
    strange = () if allowed is None else sorted({*_images(live, pods)} - allowed)
    return WorkloadStatus(ref, verdict.ready, note, len(pods), tuple(strange))


def _images(live: Object, pods: list[Object]) -> Iterator[str]:
    """Images of the template and of the pods that run it; injected containers count too."""
    for obj in (live, *pods):
        for _, image in images.find(obj):
            yield image
