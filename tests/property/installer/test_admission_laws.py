"""Laws of admission, over any sequence of bundles and clocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from airferry_fixtures import signers
from airferry_fixtures.statements import Offered, Vendor, channel_of, release_of
from airferry_foundation import clock, documents
from airferry_foundation.digests import digest
from airferry_installer import trust as trusts
from airferry_installer.admission import Context, admit
from airferry_installer.trust import LineTrust, TrustState
from airferry_signing import roots

START = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass(frozen=True)
class Stick:
    """One bundle that arrives, described; and the customer's clock when it does."""

    root: int
    counter: int
    version: int
    floor: int
    channel: int | None
    channel_floor: int
    revokes: bool
    signed_by: int
    issued: int
    clock: int


STICKS = st.builds(
    Stick,
    root=st.integers(1, 4),
    counter=st.integers(1, 5),
    version=st.integers(0, 1),
    floor=st.integers(0, 5),
    channel=st.none() | st.integers(1, 3),
    channel_floor=st.integers(0, 5),
    revokes=st.booleans(),
    signed_by=st.integers(1, 4),
    issued=st.integers(-400, 40_000),
    clock=st.integers(-400, 40_000),
)
"""Days for the last two. Roots 3 and 4 are of a second epoch."""


@cache
def vendor() -> tuple[Vendor, dict[int, tuple[signers.VendorKey, ...]]]:
    made = Vendor((signers.new_key(),))
    keys = {1: tuple(made.keys)}
    for number in (2, 3, 4):
        made.rotate((signers.new_key(),), epoch=1 if number < 3 else 2)
        keys[number] = tuple(made.keys)
    return made, keys


def day(number: int) -> datetime:
    return START + timedelta(days=number)


@cache
def offer(stick: Stick) -> Offered:
    made, keys = vendor()
    epoch = 1 if stick.root < 3 else 2
    issued = clock.write(day(stick.issued))
    release = release_of(
        stick.counter,
        version=f"1.{stick.counter}.{stick.version}",
        epoch=epoch,
        security_floor=stick.floor,
        issued_at=issued,
    )
    statement = None
    if stick.channel is not None:
        revoked = (digest(documents.encode(release)),) if stick.revokes else ()
        statement = channel_of(
            stick.channel, epoch=epoch, security_floor=stick.channel_floor, revoked=revoked,
            newest_counter=stick.counter, issued_at=issued,
        )  # fmt: skip
    offered = made.offer(release, channel=statement, keys=keys[stick.signed_by])
    known = {n: signed for n, signed in made.roots.items() if n <= stick.root}
    return replace(offered, roots=known)


def pinned() -> TrustState:
    signed = vendor()[0].roots[1]
    return trusts.NOTHING.with_line(trusts.pinned(roots.pin(signed, digest(signed.document))))


def context(stick: Stick) -> Context:
    return Context(now=day(stick.clock), customer="acme", products=("shop",))


def line_of(trust: TrustState) -> LineTrust:
    line = trust.line("shop")
    assert line is not None
    return line


@given(st.lists(STICKS, max_size=8))
def test_within_an_epoch_nothing_goes_down(sticks: list[Stick]) -> None:
    trust = pinned()
    for stick in sticks:
        before = line_of(trust)
        trust, _ = admit(offer(stick), trust, context(stick))
        after = line_of(trust)
        assert after.chain.signed[: len(before.roots)] == before.chain.signed
        assert after.epoch >= before.epoch
        assert set(before.seen) <= set(after.seen)
        if after.epoch == before.epoch:
            assert after.floor >= before.floor
            assert after.newest_counter >= before.newest_counter
            assert set(after.revoked) >= set(before.revoked)
            assert (after.learned or "") >= (before.learned or "")


@given(st.lists(STICKS, max_size=8))
def test_a_new_epoch_starts_afresh(sticks: list[Stick]) -> None:
    trust = pinned()
    for stick in sticks:
        before = line_of(trust)
        trust, verdict = admit(offer(stick), trust, context(stick))
        after = line_of(trust)
        if after.epoch != before.epoch:
            floors = {0, stick.channel_floor if stick.channel else 0}
            floors |= {max(*floors, stick.floor)} if verdict.release else set()
            assert after.floor in floors
            assert set(after.revoked) <= {offer(stick).digest}


@given(st.lists(STICKS, max_size=8))
def test_whatever_was_refused_stays_so_when_it_comes_again(sticks: list[Stick]) -> None:
    trust = pinned()
    for stick in sticks:
        trust, verdict = admit(offer(stick), trust, context(stick))
        again, second = admit(offer(stick), trust, context(stick))
        assert again == trust
        assert (second.refusal is None) == (verdict.refusal is None)


@given(st.lists(STICKS, min_size=1, max_size=8))
def test_at_most_one_release_is_admitted_at_a_place(sticks: list[Stick]) -> None:
    trust = pinned()
    admitted: dict[tuple[int, int], str] = {}
    for stick in sticks:
        trust, verdict = admit(offer(stick), trust, context(stick))
        if verdict.release is not None:
            place = (verdict.release.epoch, verdict.release.release_counter)
            assert admitted.setdefault(place, verdict.digest) == verdict.digest


@given(st.lists(STICKS, max_size=8))
def test_admitted_means_signed_by_the_newest_root_and_not_below_the_floor(
    sticks: list[Stick],
) -> None:
    trust = pinned()
    for stick in sticks:
        trust, verdict = admit(offer(stick), trust, context(stick))
        line = line_of(trust)
        if verdict.release is not None:
            assert line.chain.number == stick.signed_by
            assert verdict.release.release_counter >= line.floor
            assert verdict.digest not in line.revoked


@given(st.lists(STICKS, max_size=8), st.integers(-400, 40_000))
def test_trusted_now_is_never_far_ahead_of_the_clock(sticks: list[Stick], last: int) -> None:
    trust = pinned()
    for stick in sticks:
        here = replace(context(stick), last=day(last))
        trust, verdict = admit(offer(stick), trust, here)
        assert here.now <= verdict.time.now <= here.now + timedelta(hours=25)


@given(st.lists(STICKS, max_size=4), st.integers(-400, 40_000))
def test_an_accepted_clock_is_not_put_in_doubt_by_the_same_sticks_again(
    sticks: list[Stick], accepted: int
) -> None:
    """Each time that is claimed may have to be dismissed once, and then never again."""
    trust, now = pinned(), day(accepted)
    for stick in [*sticks, *sticks]:
        trust, _ = admit(offer(stick), trust, context(stick))
        trust = trusts.dismissing(trust, now)
        assert trusts.trusted_now(trust, now) == trusts.Time(now)
    settled = line_of(trust).dismissed
    for stick in sticks:
        trust, _ = admit(offer(stick), trust, context(stick))
        assert trusts.trusted_now(trust, now) == trusts.Time(now)
    assert line_of(trust).dismissed == settled


@given(st.lists(STICKS, max_size=6))
def test_the_state_survives_the_disk_at_every_step(sticks: list[Stick]) -> None:
    trust = pinned()
    for stick in sticks:
        trust, _ = admit(offer(stick), trust, context(stick))
        assert trusts.read(documents.encode(trust)) == trust
