"""`clock accept`: people say that the system clock is right, whatever was learned.

It alone lowers the time that is trusted. As many people decide as the policy in force demands for
changing itself, each of whom signs the decision; without a policy whoever holds the state folder.
A decision names the time that it dismisses and the acceptance before it, so it is good once, for
this contradiction, and for as long as `HOLDS`. What is dismissed stays so, also when the same
document comes again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from airferry_archive.release import Line, Name
from airferry_foundation import clock, digests
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import ApprovalError, InputError
from airferry_installer import trust as trusts
from airferry_installer.approving import acceptance, decisions
from airferry_installer.approving.acceptance import InForce
from airferry_installer.approving.decisions import Waiting
from airferry_installer.state import StateFolder
from airferry_installer.state.journal import CLOCK_EVENT
from airferry_installer.trust import Time

SCHEMA = "airferry.clock/v1"
HOLDS = timedelta(days=7)
"""How long after `accepted` a decision may be carried out: its signatures come from elsewhere."""


class Decision(Document, frozen=True, kw_only=True):
    """What people sign: the clock that showed `accepted` is right, and `trusted` is not believed.

    `previous` is the digest of the journal entry of the acceptance before this one (zeros: there
    was none), `policy` that of the policy in force.
    """

    schema: Literal["airferry.clock/v1"]
    customer: Name
    accepted: Timestamp
    trusted: Timestamp
    previous: Digest
    policy: Digest
    reason: Line = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of it; `waiting` where nothing is accepted before people have signed."""

    was: Time
    people: tuple[str, ...] = ()
    waiting: Waiting | None = None


def accept(
    state: StateFolder, *, decision: Path, reason: str, confirm: Callable[[str], None]
) -> Accepted:
    """Accept the system clock; or write the decision to be signed.

    `confirm` asks the person where there is no policy, and does not return after a no. Raises
    InputError (nothing contradicts the clock) or ApprovalError; nothing is changed then.
    """
    with state.exclusive():
        time = _expect_doubt(state.now())
        force = acceptance.in_force(state)
        taken = decisions.take(
            decision,
            force,
            _decision(state, time, force, reason),
            ("customer", "trusted", "previous", "policy"),
            confirm=lambda: confirm(_question(time)),
            check=lambda said: _expect_recent(decision, said, time),
        )
        if isinstance(taken, Waiting):
            return Accepted(time, waiting=taken)
        kept = _keep(state, decision, taken.document) if taken.document else None
        state.remember(trusts.dismissing(state.trust(), time.system))
        state.journal.append(
            CLOCK_EVENT,
            accepted=clock.write(time.system),
            dismissed=clock.write(time.latest),
            reason=reason,
            decision=kept,
            people=list(taken.people),
        )
    return Accepted(time, taken.people)


def read(data: bytes, *, name: str) -> Decision:
    """A decision; DocumentError if it is none."""
    return decisions.read(data, Decision, name=name)


def _expect_doubt(time: Time) -> Time:
    if not time.doubt:
        raise InputError(
            f"nothing that was learned contradicts the system clock ({clock.write(time.system)})",
            "Nothing is to be done.",
        )
    return time


def _expect_recent(path: Path, said: Decision, time: Time) -> None:
    """ApprovalError unless the clock shows what it showed when people looked, and a little more."""
    passed = time.system - clock.read(said.accepted)
    if not -trusts.SKEW <= passed <= HOLDS:
        raise ApprovalError(
            f"{path} accepts the clock as of {said.accepted}; it shows {clock.write(time.system)}, "
            f"expected at most {HOLDS.days} days later",
            "Move it away, set the clock, and give the same command again to write another.",
        )


def _decision(state: StateFolder, time: Time, force: InForce, reason: str) -> Decision:
    return Decision(
        schema="airferry.clock/v1",
        customer=state.site().customer,
        accepted=clock.write(time.system),
        trusted=clock.write(time.latest),
        previous=state.journal.clock_accepted(),
        policy=force.digest or digests.digest(b""),
        reason=reason,
    )


def _keep(state: StateFolder, path: Path, data: bytes) -> str:
    for signature in acceptance.signatures_beside(path):
        state.keep("clock", signature)
    return state.keep("clock", data)


def _question(time: Time) -> str:
    return (
        f"Is it {clock.write(time.system)} (UTC), and was {clock.write(time.latest)}, which was "
        "learned, never so? This site has no policy: the word is yours alone."
    )


def seen_from(said: Decision, now: datetime) -> str:
    """How a decision looks by another machine's clock: what a signer compares."""
    accepted = clock.read(said.accepted)
    earlier, later = sorted((accepted, now))
    which = "behind" if accepted < now else "ahead of"
    return f"this machine's clock says {clock.write(now)}: {clock.age(earlier, later)} {which} it"
