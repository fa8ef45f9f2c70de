"""`init --repin`: trust another chain of roots, since the vendor lost too many root keys.

Nothing of the vendor's can vouch for the new chain, so the customer decides: by as many people as
the policy in force demands for changing itself, each of whom signs the decision; without a policy
whoever holds the state folder. The epoch never falls. In the same epoch floor, counters and
revocations stay; a later one starts them afresh, as it does when a root follows a root.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from airferry_archive.release import Name
from airferry_foundation import clock, digests
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import InputError, RootError
from airferry_foundation.grammar import whole
from airferry_installer.approving import acceptance, decisions
from airferry_installer.approving.acceptance import InForce
from airferry_installer.approving.decisions import Waiting
from airferry_installer.state import StateFolder
from airferry_installer.trust import LineTrust

SCHEMA = "airferry.repin/v1"
EVENT = "repinned"


class Decision(Document, frozen=True, kw_only=True):
    """What people sign: from which root, by its fingerprint, to which. `policy` is in force."""

    schema: Literal["airferry.repin/v1"]
    customer: Name
    product: Name
    trusted: Digest
    """The newest root that is trusted up to now."""
    wanted: Digest
    policy: Digest
    decided_at: Timestamp
    reason: Annotated[str, whole(r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=500)] = ""


@dataclass(frozen=True, slots=True)
class Repinned:
    """What came of it; `waiting` where nothing is changed before people have signed."""

    line: LineTrust
    was: str
    people: tuple[str, ...] = ()
    waiting: Waiting | None = None


def repin(
    state: StateFolder,
    pinned: LineTrust,
    *,
    decision: Path,
    reason: str,
    confirm: Callable[[str], None],
) -> Repinned:
    """Put a pinned chain in place of the one that is trusted; or write the decision to be signed.

    `confirm` asks the person where there is no policy, and does not return after a no. Raises
    InputError, RootError or ApprovalError; nothing is changed then.
    """
    with state.exclusive():
        trust = state.trust()
        known = _expect_other(trust.line(pinned.product), pinned)
        force = acceptance.in_force(state)
        taken = decisions.take(
            decision,
            force,
            _decision(state, known, pinned, force, reason),
            ("customer", "product", "trusted", "wanted", "policy"),
            confirm=lambda: confirm(_question(known, pinned)),
        )
        if isinstance(taken, Waiting):
            return Repinned(known, known.chain.fingerprint, waiting=taken)
        kept = state.keep("repin", taken.document) if taken.document else None
        line = successor(known, pinned)
        state.remember(trust.with_line(line))
        state.journal.append(
            EVENT,
            product=line.product,
            root_before=known.chain.fingerprint,
            root=line.chain.fingerprint,
            epoch=line.epoch,
            decision=kept,
            people=list(taken.people),
        )
    return Repinned(line, known.chain.fingerprint, taken.people)


def successor(known: LineTrust, pinned: LineTrust) -> LineTrust:
    """What is known of a line under its new chain; the old channel keys' word is nobody's now."""
    if pinned.epoch > known.epoch:
        return msgspec.structs.replace(pinned, seen=known.seen)
    return msgspec.structs.replace(known, roots=pinned.roots, channel=None, entitlement=None)


def read(data: bytes, *, name: str) -> Decision:
    """A decision; DocumentError if it is none."""
    return decisions.read(data, Decision, name=name)


def _expect_other(known: LineTrust | None, pinned: LineTrust) -> LineTrust:
    if known is None:
        raise InputError(
            f"no root of {pinned.product} is trusted here yet", "Use `init` without --repin."
        )
    if pinned.roots[0].document in {one.document for one in known.roots}:
        raise InputError(
            f"root {pinned.chain.number} of {pinned.product} is trusted here already",
            "Nothing is to be done.",
        )
    if pinned.epoch < known.epoch:
        raise RootError(
            f"the new root is of epoch {pinned.epoch}; {known.product} is in epoch {known.epoch} "
            "here, and an epoch never falls",
            f"The vendor begins the new chain with `keys root init --epoch {known.epoch + 1}`.",
        )
    return known


def _question(known: LineTrust, pinned: LineTrust) -> str:
    return (
        f"Trust root {pinned.chain.number} of {pinned.product} ({pinned.chain.fingerprint}) in "
        f"place of root {known.chain.number} ({known.chain.fingerprint})? This site has no policy: "
        "the word is yours alone."
    )


def _decision(
    state: StateFolder, known: LineTrust, pinned: LineTrust, force: InForce, reason: str
) -> Decision:
    return Decision(
        schema="airferry.repin/v1",
        customer=state.site().customer,
        product=pinned.product,
        trusted=known.chain.fingerprint,
        wanted=pinned.chain.fingerprint,
        policy=force.digest or digests.digest(b""),
        decided_at=clock.timestamp(),
        reason=reason,
    )
