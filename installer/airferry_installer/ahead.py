"""Notices a cluster that knows more than this state folder: the state was restored, or is another.

What protects an environment lives in the environment too: its inventory holds the revision and the
consumed approvals, so an old state can't bring them back. But roots, floors and revocations that
were learned since are forgotten until a bundle brings them again: people should know. Where the
inventory names a newer channel statement than this state has, nothing is planned or applied until
that one is known here again: what it revoked must not come back.
"""

from __future__ import annotations

from dataclasses import dataclass

from airferry_foundation.errors import ReleaseRefusedError
from airferry_installer import revisions
from airferry_installer.applying.finding import find
from airferry_installer.applying.inventory import Inventory, Word
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.state.folder import StateFolder

EVENT = "state behind"


@dataclass(frozen=True, slots=True)
class Ahead:
    """An environment is at revision `there`; this state folder knows none above `here`."""

    environment: str
    product: str
    there: int
    here: int
    restored: bool

    def lines(self) -> tuple[str, ...]:
        """What a person should read."""
        known = f"knows revision {self.here} as the last" if self.here else "knows none"
        why = (
            "this state was restored from a backup"
            if self.restored
            else "another installer changed it, or this state folder is an old copy"
        )
        at = f"{self.product} on {self.environment} is at revision {self.there}"
        return (
            f"WARNING: {at}; this state folder {known}:",
            f"  {why}",
            "  roots, floors and revocations learned since may be forgotten here:",
            "  import the newest channel statement or bundle first",
        )


def notice(
    state: StateFolder, client: ClusterClient, environment: str, product: str
) -> Ahead | None:
    """Whether the environment is ahead of this state; journalled once for each such revision.

    ReleaseRefusedError where it was changed under a newer channel statement than is known here.
    """
    held = find(state, client, environment, product)
    if held is not None:
        _expect_word(held.inventory, word(state, product))
    known = revisions.kept(state, environment, product)
    here = known[-1].number if known else 0
    if held is None or held.inventory.revision <= here:
        return None
    there = held.inventory.revision
    restored = any(entry.event == "restored" for entry in state.journal.entries())
    found = Ahead(environment, product, there, here, restored)
    _journal_once(state, found)
    return found


def word(state: StateFolder, product: str) -> Word | None:
    """The newest channel statement that this state knows of a product line."""
    line = state.trust().line(product)
    if line is None:
        return None
    said = line.statement()
    known = said.place if said else (line.epoch, 0)
    epoch, sequence = max(known, (line.epoch, 0))
    return Word(epoch=epoch, sequence=sequence)


def _expect_word(there: Inventory, here: Word | None) -> None:
    if there.word is None or (here is not None and here.place >= there.word.place):
        return
    known = f"{here.sequence} of epoch {here.epoch}" if here and here.sequence else "none so new"
    raise ReleaseRefusedError(
        f"{there.product} on {there.environment} was changed under channel statement "
        f"{there.word.sequence} of epoch {there.word.epoch}; known here: {known}. What that "
        "statement revoked can't be told",
        "airferry-installer channel import channel.json, or take any bundle that carries it.",
    )


def _journal_once(state: StateFolder, found: Ahead) -> None:
    name = f"ahead/{found.environment}/{found.product}"
    if state.setting(name) != str(found.there):
        facts = {"environment": found.environment, "product": found.product}
        state.journal.append(EVENT, **facts, revision=found.there, known=found.here)
        state.set(name, str(found.there))
