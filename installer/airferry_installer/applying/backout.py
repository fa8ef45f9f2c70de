"""Back-out: from a change that failed, or that nobody wants, to the revision that ran before.

It runs under the approval of the change that it undoes, which the inventory holds as used up. What
the change added is deleted; what can't be undone is kept and listed: claims (they are data),
namespaces (they hold claims and the inventory), definitions that still have resources, and objects
that were there before Airferry. Hooks don't run. Like an apply it goes on where it was cut. It may
be done at any time, unless the policy's `backout_grace` ends that some time after the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from airferry_foundation.errors import AirferryError, InputError, StateMissingError
from airferry_foundation.progress import SILENT, Progress
from airferry_installer import revisions
from airferry_installer.applying import finding, hooks, writing
from airferry_installer.applying.apply import bring_up
from airferry_installer.applying.begin import merged
from airferry_installer.applying.inventory import Held, Inventory, InventoryObject
from airferry_installer.applying.ledger import Ledger
from airferry_installer.applying.order import (
    CLAIM,
    DEFINITION,
    identity,
    ref_of,
    removal,
    shown,
    stages,
)
from airferry_installer.approving.permission import expect_backout
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.planning import rendered as renders
from airferry_installer.planning.plan import ObjectRef, Running
from airferry_installer.planning.rendered import RenderedObject
from airferry_installer.state.folder import StateFolder

MANAGER = "airferry"


@dataclass(frozen=True, slots=True)
class BackedOut:
    """What a back-out did; `returned` is None where nothing ran before."""

    undone: Running
    returned: Running | None
    removed: tuple[ObjectRef, ...]
    kept: tuple[ObjectRef, ...]


def returns_to(found: Inventory) -> tuple[Running, Running | None]:
    """(what a back-out would undo, what it would return to); InputError if there is nothing."""
    where = f"{found.product} in {found.environment}"
    if found.state == "backed-out":
        raise InputError(
            f"the last change of {where} (revision {found.revision}) is backed out already",
            "For an older revision: airferry-installer rollback",
        )
    pair = (
        (found.running, found.previous)
        if found.state == "applied"
        else (found.target, found.running)
    )
    undone, returned = pair
    if undone is None:
        raise InputError(f"{where} holds no change that could be backed out")
    return undone, returned


def back_out(
    state: StateFolder,
    client: ClusterClient,
    environment: str,
    product: str,
    *,
    progress: Progress = SILENT,
) -> BackedOut:
    """Undo the last change of an environment, or go on doing so."""
    with state.exclusive():
        held = finding.need(state, client, environment, product)
        undone, returned = returns_to(held.inventory)
        if held.inventory.state != "backing-out":  # one that was begun is brought to its end
            expect_backout(state, environment, product)
        timeout = state.site().environment(environment).timeout
        work = _BackOut(state, client, undone, returned, timeout, progress)
        return work.run(held)


@dataclass(frozen=True, slots=True)
class _BackOut:
    state: StateFolder
    client: ClusterClient
    undone: Running
    returned: Running | None
    timeout: int
    progress: Progress

    def run(self, held: Held) -> BackedOut:
        objects = self._objects(self.returned)
        ledger = Ledger(self.client, held)
        before = ledger.now
        staying = [InventoryObject(ref=ref_of(item.body)) for item in objects]
        ledger.write(
            state="backing-out",
            running=self.returned,
            target=self.undone,
            previous=None,
            attempt=before.attempt + 1,
            objects=merged(staying, before.objects),
        )
        self._journal(before, "back-out begun")
        try:
            removed, kept = self._carry_out(ledger, objects)
        except AirferryError as error:
            self._journal(before, "back-out failed", error=error.message[:2000])
            raise
        ledger.write(state="backed-out", target=None, attempt=0, hooks_done=())
        self._record(before)
        self._journal(before, "back-out finished", kept=[shown(ref) for ref in kept])
        return BackedOut(self.undone, self.returned, tuple(removed), tuple(kept))

    def _objects(self, running: Running | None) -> list[RenderedObject]:
        """What stays of a revision: its objects without hooks."""
        if running is None:
            return []
        try:
            rendered = renders.load(self.state, running.rendered)
            objects = renders.with_secrets(self.state, rendered)
        except StateMissingError as error:
            raise StateMissingError(
                f"revision {running.revision} ({running.version}) can't be returned to from here: "
                f"{error.message}",
                "Use the state folder that applied it, or plan and apply that release again.",
            ) from error
        return [item for item in objects if item.hook is None]

    def _carry_out(
        self, ledger: Ledger, objects: Sequence[RenderedObject]
    ) -> tuple[list[ObjectRef], list[ObjectRef]]:
        for stage in stages(objects):
            bring_up(self.client, ledger, stage, {}, timeout=self.timeout, progress=self.progress)
        self._remove_hooks()
        staying = {identity(ref_of(item.body)) for item in objects}
        extra = [item for item in ledger.now.objects if identity(item.ref) not in staying]
        return self._remove(ledger, extra)

    def _remove(
        self, ledger: Ledger, extra: Iterable[InventoryObject]
    ) -> tuple[list[ObjectRef], list[ObjectRef]]:
        known = {item.ref: item for item in extra}
        removed: list[ObjectRef] = []
        kept: list[ObjectRef] = []
        for ref in removal(known):
            verdict = self._verdict(known[ref])
            if verdict == "delete":
                self.progress.note(f"delete {shown(ref)}")
                writing.remove(self.client, ref, known[ref].uid, timeout=self.timeout)
                removed.append(ref)
            if verdict == "keep":
                kept.append(ref)
            ledger.gone(ref)
        return removed, kept

    def _verdict(self, item: InventoryObject) -> str:
        """`delete`, `keep` (and say so), or `release`: it is not ours, or not there.

        What is kept leaves the inventory: no later plan may prune data that nobody named.
        """
        live = self.client.get(item.ref)
        if live is None:
            return "release"
        if item.adopted or (item.uid is None and not _written_by_us(live)):
            return "release"
        if item.ref.kind in (CLAIM, "Namespace"):
            return "keep"
        if item.ref.kind == DEFINITION and _has_resources(self.client, live):
            return "keep"
        return "delete"

    def _remove_hooks(self) -> None:
        """What hooks of the undone change left, if that release is known here."""
        with suppress(StateMissingError):
            rendered = renders.load(self.state, self.undone.rendered)
            for item in rendered.objects:
                if item.hook is not None:
                    hooks.remove_ours(
                        self.client, ref_of(item.body), self.undone.plan or "", self.timeout
                    )

    def _journal(self, found: Inventory, event: str, **facts: str | list[str]) -> None:
        self.state.journal.append(
            event,
            environment=found.environment,
            product=found.product,
            revision=found.revision,
            undone=self.undone.version,
            returned=self.returned.version if self.returned else "nothing ran before",
            plan=found.plan,
            **facts,
        )

    def _record(self, found: Inventory) -> None:
        for kept in revisions.kept(self.state, found.environment, found.product):
            if kept.number == found.revision:
                revisions.record(
                    self.state, found.environment, found.product, kept.ended("backed-out")
                )


def _written_by_us(live: dict[str, object]) -> bool:
    metadata = live["metadata"]
    fields = metadata.get("managedFields") or () if isinstance(metadata, dict) else ()
    return any(f.get("manager") == MANAGER and f.get("operation") == "Apply" for f in fields)


def _has_resources(client: ClusterClient, definition: dict[str, object]) -> bool:
    """Whether resources of a definition are left; they would go with it."""
    spec = definition["spec"]
    assert isinstance(spec, dict)  # noqa: S101 - the API server's own schema
    served = next((v["name"] for v in spec["versions"] if v.get("served")), None)
    if served is None:
        return True
    api_version = f"{spec['group']}/{served}"
    if client.resource(api_version, spec["names"]["kind"]) is None:
        return False
    return bool(client.list(api_version, spec["names"]["kind"]))
