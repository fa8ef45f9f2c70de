"""What time it is as far as that is known, and what `clock accept` does to it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from airferry_fixtures.people import key_of, policy_of
from airferry_foundation import clock, documents
from airferry_foundation.errors import ApprovalError, DocumentError, InputError
from airferry_installer import clock_acceptance, trust
from airferry_installer.approving.policy import Rule
from airferry_installer.clock_acceptance import Accepted
from airferry_installer.state import StateFolder
from airferry_installer.trust import LineTrust, Signed, Time, TrustState
from airferry_signing import sshsig

NOW = clock.read("2026-11-24T12:00:00Z")
LINE = LineTrust(product="shop", roots=(Signed(document=b"{}"),), epoch=1)
POLICY = policy_of({"anna": ["anna", "anna-2"], "ben": ["ben"]}, Rule(people=1), change=2)


class Hand:
    """Sets the system clock."""

    def __init__(self) -> None:
        self.now = NOW

    def to(self, now: datetime) -> None:
        self.now = now

    def by(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hand]:
    found = Hand()
    monkeypatch.setattr(clock, "now", lambda: found.now)
    return found


@pytest.fixture
def folder(hand: Hand, tmp_path: Path, site_file: Path) -> StateFolder:
    """A state folder that was made at `NOW`."""
    return StateFolder.create(tmp_path / "state", site_file, trust.NOTHING)


@pytest.fixture
def guarded(folder: StateFolder, site_file: Path) -> StateFolder:
    """The same, under a policy that two people must agree to change."""
    site_file.with_name("policy.json").write_bytes(documents.encode(POLICY))
    site_file.write_text(site_file.read_text() + "policy: policy.json\n")
    return folder


def learned(at: datetime) -> TrustState:
    line = LineTrust(product="shop", roots=LINE.roots, epoch=1, learned=clock.write(at))
    return trust.NOTHING.with_line(line)


def accept(state: StateFolder, path: Path | None = None, answer: bool = True) -> Accepted:
    def confirm(question: str) -> None:
        if not answer:
            raise InputError(question)

    place = path or state.folder.parent / "clock.json"
    return clock_acceptance.accept(state, decision=place, reason="why", confirm=confirm)


def sign(state: StateFolder, *people: str) -> Path:
    path = state.folder.parent / "clock.json"
    for number, person in enumerate(people, 1):
        signature = sshsig.sign(path.read_bytes(), key_of(person))
        path.with_name(f"clock.json.{number}.sig").write_bytes(signature)
    return path


def clear(state: StateFolder) -> None:
    for path in state.folder.parent.glob("clock.json*"):
        path.unlink()


# --- the time -------------------------------------------------------------------------------------


def test_a_clock_that_agrees_is_not_in_doubt() -> None:
    for time in (Time(NOW), Time(NOW, None, timedelta(minutes=5))):
        assert (time.doubt, time.latest) == ("", NOW)
    assert trust.trusted_now(learned(NOW - timedelta(days=9)), NOW) == Time(NOW)


def test_a_clock_that_is_behind_is_in_doubt() -> None:
    time = trust.trusted_now(learned(NOW + timedelta(hours=3)), NOW)
    assert (time.now, time.system, time.certain) == (NOW + timedelta(hours=3), NOW, True)
    assert "2026-11-24T12:00:00Z" in time.doubt
    assert "2026-11-24T15:00:00Z" in time.doubt


def test_a_claimed_time_does_not_move_the_trusted_one() -> None:
    time = trust.trusted_now(learned(NOW + timedelta(days=3)), NOW)
    assert (time.now, time.latest) == (NOW, NOW + timedelta(days=3))
    assert "2026-11-27T12:00:00Z" in time.doubt


def test_the_journal_does_not_forget_a_later_time(folder: StateFolder, hand: Hand) -> None:
    """Each entry of a clock that was set back is earlier: the latest one counts, not the last."""
    hand.by(days=-30)
    for _ in range(3):
        folder.journal.append("something")
        assert folder.journal.latest() == NOW
        assert folder.now().claimed == NOW
    hand.to(NOW - timedelta(hours=5))
    assert folder.now() == Time(NOW, None, timedelta(hours=5))
    hand.to(NOW + timedelta(seconds=1))
    assert folder.now() == Time(hand.now)


def test_an_entry_s_words_are_no_event(folder: StateFolder) -> None:
    folder.journal.append("said", words='","event":"clock accepted","at":"2999-01-01T00:00:00Z')
    assert folder.journal.latest() == NOW
    assert folder.journal.clock_accepted() == "sha256:" + "0" * 64


# --- without a policy -----------------------------------------------------------------------------


def test_nothing_is_accepted_where_nothing_is_in_doubt(folder: StateFolder) -> None:
    before = len(folder.journal.entries())
    with pytest.raises(InputError, match="nothing that was learned contradicts"):
        accept(folder)
    assert len(folder.journal.entries()) == before


def test_a_person_says_yes(folder: StateFolder, hand: Hand) -> None:
    hand.by(days=-30)
    with pytest.raises(InputError, match="the word is yours alone"):
        accept(folder, answer=False)
    assert folder.now().doubt
    done = accept(folder)
    assert (done.people, done.was.latest) == ((), NOW)
    assert folder.now() == Time(hand.now)
    entry = folder.journal.entries()[-1]
    assert entry.event == "clock accepted"
    assert entry.facts["accepted"] == "2026-10-25T12:00:00Z"
    assert entry.facts["dismissed"] == "2026-11-24T12:00:00Z"
    folder.journal.verify()


def test_what_is_learned_after_it_counts_again(folder: StateFolder, hand: Hand) -> None:
    hand.by(days=-30)
    accept(folder)
    folder.journal.append("something")
    hand.by(days=-1)
    assert folder.now().now == hand.now + timedelta(days=1)
    assert folder.now().doubt
    assert "nothing" not in accept(folder).was.doubt
    assert folder.now().doubt == ""


def test_a_dismissed_time_does_not_come_back(folder: StateFolder) -> None:
    """The same stick is opened again and again: by `verify`, `load`, `plan`."""
    wrong = NOW + timedelta(days=300)
    folder.remember(learned(wrong))
    assert folder.now().claimed == wrong
    accept(folder)
    assert folder.now() == Time(NOW)
    line = folder.trust().line("shop")
    assert line is not None
    assert (line.learned, line.dismissed) == (None, (clock.write(wrong),))
    assert line.later(clock.write(wrong)) is None
    assert line.later(clock.write(wrong + timedelta(seconds=1))) is not None
    assert line.later(clock.write(NOW)) == clock.write(NOW)


def test_what_was_learned_and_is_not_later_stays() -> None:
    known = learned(NOW)
    assert trust.dismissing(known, NOW) == known
    assert trust.dismissing(known, NOW + timedelta(days=1)) == known
    assert trust.dismissing(known, NOW - timedelta(seconds=1)) != known


def test_an_older_trust_state_is_still_read() -> None:
    """One that was written before times could be dismissed: the field is left out."""
    assert b"dismissed" not in documents.encode(learned(NOW))


# --- under a policy -------------------------------------------------------------------------------


def test_people_sign_the_decision(guarded: StateFolder, hand: Hand) -> None:
    hand.by(days=-30)
    asked = accept(guarded)
    assert asked.waiting is not None
    assert (asked.waiting.demanded, asked.people) == (2, ())
    assert guarded.now().doubt, "nothing is changed yet"
    path = sign(guarded, "anna", "ben")
    hand.by(days=6)
    assert accept(guarded).people == ("anna", "ben")
    assert guarded.now() == Time(hand.now)
    entry = guarded.journal.entries()[-1]
    assert entry.facts["people"] == ["anna", "ben"]
    assert guarded.kept("clock", str(entry.facts["decision"])) == path.read_bytes()
    said = clock_acceptance.read(path.read_bytes(), name="it")
    assert (said.trusted, said.reason) == (clock.write(NOW), "why")
    assert "30 days behind" in clock_acceptance.seen_from(said, NOW)


@pytest.mark.parametrize("people", [(), ("anna",), ("anna", "anna-2"), ("ben", "mallory")])
def test_too_few_people(guarded: StateFolder, hand: Hand, people: tuple[str, ...]) -> None:
    hand.by(days=-30)
    accept(guarded)
    sign(guarded, *people)
    with pytest.raises(ApprovalError, match="demands 2 different people"):
        accept(guarded)
    assert guarded.now().doubt
    assert guarded.journal.clock_accepted() == "sha256:" + "0" * 64


def test_a_decision_is_good_once(guarded: StateFolder, hand: Hand) -> None:
    """The clock is set back to the same moment again: the old decision is of another time."""
    hand.by(days=-30)
    then = hand.now
    accept(guarded)
    sign(guarded, "anna", "ben")
    accept(guarded)
    hand.by(days=2)
    guarded.journal.append("something")
    hand.to(then)
    with pytest.raises(ApprovalError, match="decides on another trusted"):
        accept(guarded)
    assert guarded.now().doubt


def test_a_decision_for_the_same_time_is_good_once_too(guarded: StateFolder, hand: Hand) -> None:
    """A stick claims the very time again, by another product: `previous` has moved on."""
    guarded.remember(learned(NOW + timedelta(days=300)))
    accept(guarded)
    sign(guarded, "anna", "ben")
    accept(guarded)
    other = LineTrust(
        product="till", roots=LINE.roots, epoch=1, learned=clock.write(NOW + timedelta(days=300))
    )
    guarded.remember(guarded.trust().with_line(other))
    with pytest.raises(ApprovalError, match="decides on another previous"):
        accept(guarded)


def test_a_decision_that_was_never_carried_out_grows_old(guarded: StateFolder, hand: Hand) -> None:
    hand.by(days=-30)
    accept(guarded)
    sign(guarded, "anna", "ben")
    hand.by(days=7, seconds=1)
    with pytest.raises(ApprovalError, match="at most 7 days later"):
        accept(guarded)
    hand.by(days=-7, minutes=-6)
    with pytest.raises(ApprovalError, match="accepts the clock as of 2026-10-25T12:00:00Z"):
        accept(guarded)
    assert guarded.now().doubt


@pytest.mark.parametrize("field", ["customer", "trusted", "previous", "policy"])
def test_a_decision_of_something_else(guarded: StateFolder, hand: Hand, field: str) -> None:
    hand.by(days=-30)
    accept(guarded)
    path = guarded.folder.parent / "clock.json"
    text = path.read_text()
    value = getattr(clock_acceptance.read(text.encode(), name="it"), field)
    other = {"customer": "other", "trusted": "2026-11-01T00:00:00Z"}.get(
        field, "sha256:" + "1" * 64
    )
    path.write_text(text.replace(value, other))
    sign(guarded, "anna", "ben")
    with pytest.raises(ApprovalError, match=f"decides on another {field}"):
        accept(guarded)


def test_what_is_no_decision(guarded: StateFolder, hand: Hand) -> None:
    hand.by(days=-30)
    path = guarded.folder.parent / "clock.json"
    path.write_bytes(documents.encode(POLICY))
    with pytest.raises(DocumentError, match="has schema"):
        accept(guarded)
