"""Every way to apply at another time than the policy says, against the command line.

Windows lie around moments counted from now, so the tests mean the same on every day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from airferry_fixtures.commands import Ran
from airferry_fixtures.guarded import REFUSED, Guarded, guard
from airferry_fixtures.servers.cluster import Cluster
from airferry_fixtures.simulator import bundle_of, small_product
from airferry_fixtures.statements import Vendor
from airferry_foundation import clock
from airferry_foundation.digests import digest
from airferry_installer import initialisation
from airferry_installer.approving.windows import DAYS

pytestmark = pytest.mark.cluster

Guards = Callable[..., Guarded]


@pytest.fixture
def guarded_by(tmp_path: Path, cluster: Cluster, namespace: str) -> Iterator[Guards]:
    """Makes a shop with further rules."""
    with ExitStack() as stack:
        yield lambda *rules, **more: stack.enter_context(
            guard(tmp_path, cluster, namespace, *rules, **more)
        )


def window(hours: float, minutes: int = 90) -> tuple[str, str]:
    """A window around the moment that is so many hours from now."""
    middle = datetime.now(UTC) + timedelta(hours=hours)
    begin, end = middle - timedelta(minutes=minutes), middle + timedelta(minutes=minutes)
    return "--window", f"{DAYS[begin.weekday()]} {begin:%H:%M}-{end:%H:%M} UTC"


def freeze(days: int) -> tuple[str, str]:
    day = datetime.now(UTC) + timedelta(days=days)
    return "--freeze", f"{day:%Y-%m-%d}..{day + timedelta(days=1):%Y-%m-%d} UTC stocktaking"


def learned(guarded: Guarded, hours: float) -> None:
    """A stick of the vendor's own comes by, dated so many hours from now."""
    vendor, state = Vendor(), guarded.shop.state
    root = guarded.folder / "root.json"
    root.write_bytes(vendor.roots[1].document)
    initialisation.initialise(
        state.folder, guarded.folder / "site.yaml", root, digest(root.read_bytes())
    )
    at = datetime.now(UTC) + timedelta(hours=hours)
    product = small_product().changed(issued_at=clock.write(at))
    bundle = bundle_of(guarded.folder / "stick.tar.zst", vendor, product)
    assert guarded.run("verify", bundle).code == 0


def decided(guarded: Guarded, *people: str) -> Path:
    """An acceptance of the clock that people signed."""
    for old in guarded.folder.glob("clock.json*"):
        old.unlink()
    asked = guarded.run("clock", "accept", "--reason", "it is right")
    assert asked.code == 1, asked.stderr
    assert "waits for 2 people" in asked.stdout
    for name in people:
        signed = guarded.run("policy", "sign", "clock.json", "--key", guarded.key(name))
        assert signed.code == 0, signed.stderr
    return guarded.folder / "clock.json"


def accept(guarded: Guarded, *people: str) -> Ran:
    """Ask for an acceptance of the clock, have it signed, give it."""
    decided(guarded, *people)
    return guarded.run("clock", "accept")


def assert_untouched(guarded: Guarded) -> None:
    assert guarded.shop.live("configmap", "settings") is None
    assert guarded.shop.live("secret", "airferry-shop") is None


# --- windows and freezes --------------------------------------------------------------------------


def test_inside_its_window_it_is_applied(guarded_by: Guards) -> None:
    guarded = guarded_by(*window(0))
    done = guarded.applied(guarded.planned())
    assert "in a window until" in done.stdout
    entry = next(e for e in guarded.shop.state.journal.entries() if e.event == "apply begun")
    assert entry.facts["window"] is not None


def test_outside_its_window(guarded_by: Guards) -> None:
    guarded = guarded_by(*window(12))
    plan = guarded.planned()
    done = guarded.refused(plan, *guarded.approved(plan), because="outside the windows")
    assert "the next window opens" in done.stderr
    assert done.stderr.count("UTC") >= 2
    entry = guarded.shop.state.journal.entries()[-1]
    assert entry.event == "apply refused"
    assert "outside the windows" in entry.facts["reason"]
    assert_untouched(guarded)


def test_on_a_frozen_day(guarded_by: Guards) -> None:
    """Although a window is open."""
    guarded = guarded_by(*window(0), *freeze(0))
    plan = guarded.planned()
    guarded.refused(plan, *guarded.approved(plan), because="it is frozen")
    assert_untouched(guarded)


def test_on_a_frozen_day_without_windows(guarded_by: Guards) -> None:
    guarded = guarded_by(*freeze(-1))
    plan = guarded.planned()
    guarded.refused(plan, *guarded.approved(plan), because="it is frozen")
    assert_untouched(guarded)


def test_with_too_little_time_left(guarded_by: Guards) -> None:
    guarded = guarded_by(*window(0), "--expected-minutes", "120")
    plan = guarded.planned()
    guarded.refused(plan, *guarded.approved(plan), because="and a change takes 120 min")
    assert_untouched(guarded)


def test_a_failed_change_is_not_gone_on_with_outside_its_window(guarded_by: Guards) -> None:
    """Its approvals are used up, so none are asked for; the time is. A back-out is granted."""
    guarded = guarded_by(*window(0), timeout=3)
    shop = guarded.shop
    plan = shop.write(shop.plan("1.0.0", shop.config(), shop.deployment(stage="never-ready")))
    assert guarded.run("request", plan, "--key", guarded.key("carl")).code == 0
    assert guarded.apply(plan, *guarded.approved(plan)).code == 44
    later = guarded.moved(hours=3)
    assert "outside the windows" in later.refused(plan).stderr
    done = later.run("apply", "--backout", "-e", "staging", "--yes")
    assert done.code == 0, done.stderr


def test_a_back_out_after_its_grace(guarded_by: Guards) -> None:
    guarded = guarded_by(*window(0), "--backout-grace", "60")
    guarded.applied(guarded.planned())
    before = guarded.shop.live("configmap", "settings")
    later = guarded.moved(hours=3)
    done = later.run("apply", "--backout", "-e", "staging", "--yes")
    assert done.code == REFUSED, done.stderr
    assert "no window was open in the last 60 min" in done.stderr
    assert guarded.shop.live("configmap", "settings") == before
    assert guarded.shop.events()[-1] == "back-out refused"
    done = guarded.moved(hours=2).run("apply", "--backout", "-e", "staging", "--yes")
    assert done.code == REFUSED, "the journal knows a later time"
    assert "is behind a time that was learned" in done.stderr


def test_a_policy_file_that_is_gone_does_not_end_the_grace(guarded_by: Guards) -> None:
    guarded = guarded_by(*window(0), "--backout-grace", "0")
    guarded.applied(guarded.planned())
    (guarded.folder / "policy.json").unlink()
    done = guarded.moved(hours=3).run("apply", "--backout", "-e", "staging", "--yes")
    assert done.code == REFUSED, done.stderr


def test_a_plan_that_shows_other_windows(guarded_by: Guards) -> None:
    """Who approves would believe in them."""
    guarded = guarded_by(*window(0))
    plan = guarded.planned(asker="")
    text = plan.read_text()
    assert '"zone":"UTC"' in text
    plan.write_text(text.replace('"zone":"UTC"', '"zone":"Etc/UTC"'))
    assert guarded.run("request", plan, "--key", guarded.key("carl")).code == 0
    guarded.refused(plan, *guarded.approved(plan), because="other windows than the policy")
    assert_untouched(guarded)


# --- the clock ------------------------------------------------------------------------------------


def test_the_clock_is_moved_back_into_a_window(guarded_by: Guards) -> None:
    guarded = guarded_by(*window(-12))
    plan = guarded.planned()
    past = guarded.moved(hours=-12)
    done = past.refused(plan, *guarded.approved(plan), because="is behind a time that was learned")
    assert "clock accept" in done.stderr
    assert past.run("clock", "show").code == 1
    assert guarded.run("clock", "show").code == 0
    assert_untouched(guarded)


def test_the_clock_is_moved_far_back_into_a_window(guarded_by: Guards) -> None:
    """Everything else with it; and again and again, so that the journal's last entry is old."""
    guarded = guarded_by(*window(-30 * 24))
    past = guarded.moved(days=-30)
    plan = past.planned()
    approvals = past.approved(plan)
    for _ in range(3):
        past.refused(plan, *approvals, because="is behind a time that was learned")
    assert_untouched(guarded)


def test_the_clock_is_moved_back_out_of_a_freeze(guarded_by: Guards) -> None:
    guarded = guarded_by(*freeze(0))
    plan = guarded.planned()
    past = guarded.moved(hours=-24)
    past.refused(plan, *guarded.approved(plan), because="is behind a time that was learned")
    assert_untouched(guarded)


def test_the_clock_is_moved_back_so_that_an_approval_holds(guarded_by: Guards) -> None:
    """The hours for which it holds are counted by the trusted time too."""
    guarded = guarded_by()
    path = guarded.folder / "policy.json"
    ticket = b'"ticket":"CHG-[0-9]+"'
    path.write_bytes(path.read_bytes().replace(ticket, ticket + b',"valid_hours":1'))
    plan = guarded.planned()
    approvals = guarded.approved(plan)
    guarded.moved(hours=20).refused(plan, *approvals, because="holds 1 h")
    guarded.refused(plan, *approvals, because="holds 1 h")
    assert_untouched(guarded)


@pytest.mark.parametrize("hours", [20, 72], ids=["trusted", "claimed"])
def test_a_stick_claims_a_time_inside_a_window(guarded_by: Guards, hours: int) -> None:
    """Nearer than 25 h it moves the trusted time, farther it does not: it opens nothing."""
    guarded = guarded_by(*window(hours))
    learned(guarded, hours)
    plan = guarded.planned()
    approvals = guarded.approved(plan)
    guarded.refused(plan, *approvals, because="is behind a time that was learned")
    done = accept(guarded, "anna", "ben")
    assert done.code == 0, done.stderr
    guarded.refused(plan, *approvals, because="outside the windows")
    assert_untouched(guarded)


def test_a_stick_that_claims_a_time_locks_nobody_out(guarded_by: Guards) -> None:
    """People accept their clock, and the same stick does not bring the claim back."""
    guarded = guarded_by(*window(0))
    learned(guarded, 72)
    plan = guarded.planned()
    guarded.refused(plan, *guarded.approved(plan), because="is behind a time that was learned")
    assert accept(guarded, "anna", "ben").code == 0
    assert guarded.run("verify", guarded.folder / "stick.tar.zst").code == 0
    assert guarded.run("clock", "show", "--output", "json").answer["doubt"] == ""
    approvals = [guarded.folder / f"{plan.stem}-{name}.json" for name in ("anna", "ben")]
    assert guarded.apply(plan, *approvals).code == 0
    assert guarded.run("history", "--verify").code == 0


# --- acceptance of the clock ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "people",
    [(), ("anna",), ("anna", "anna-2"), ("anna", "mallory"), ("mallory", "eve")],
    ids=["nobody", "one alone", "one with two keys", "a stranger with one", "strangers"],
)
def test_a_forged_acceptance(guarded_by: Guards, people: tuple[str, ...]) -> None:
    guarded = guarded_by(*window(-12))
    plan = guarded.planned()
    past = guarded.moved(hours=-12)
    done = accept(past, *people)
    assert done.code == REFUSED, done.stdout
    assert "demands 2 different people" in done.stderr
    assert "clock accepted" not in guarded.shop.events()
    past.refused(plan, *guarded.approved(plan), because="is behind a time that was learned")
    assert_untouched(guarded)


def test_an_acceptance_that_was_changed_after_it_was_signed(guarded_by: Guards) -> None:
    guarded = guarded_by(*window(-12))
    guarded.planned()
    past = guarded.moved(hours=-12)
    decision = decided(past, "anna", "ben")
    decision.write_text(decision.read_text().replace("it is right", "it was right"))
    done = past.run("clock", "accept")
    assert done.code == REFUSED
    assert "signed by nobody" in done.stderr
    assert past.run("clock", "show").code == 1


def test_a_yes_does_not_stand_in_for_people(guarded_by: Guards) -> None:
    guarded = guarded_by(*window(-12))
    guarded.planned()
    past = guarded.moved(hours=-12)
    for _ in range(2):
        assert past.run("clock", "accept", "--yes").code in {1, REFUSED}
    assert past.run("clock", "show").code == 1


def test_an_acceptance_is_used_again(guarded_by: Guards) -> None:
    """Once the machine was right to be 12 h earlier; that is no leave to go there again."""
    guarded = guarded_by(*window(-12))
    plan = guarded.planned()
    past = guarded.moved(hours=-12)
    assert accept(past, "anna", "ben").code == 0
    guarded.refused(plan, *guarded.approved(plan), because="outside the windows")
    done = past.run("clock", "accept")
    assert done.code == REFUSED
    assert "decides on another" in done.stderr
    approvals = [guarded.folder / f"{plan.stem}-{name}.json" for name in ("anna", "ben")]
    past.refused(plan, *approvals, because="is behind a time that was learned")
    assert_untouched(guarded)


def test_an_old_acceptance_for_a_clock_of_today(guarded_by: Guards) -> None:
    """Signed, never used, and given when the clock shows another day."""
    guarded = guarded_by(*window(0))
    learned(guarded, 24 * 40)
    early = guarded.moved(days=-9)
    decided(early, "anna", "ben")
    done = guarded.run("clock", "accept")
    assert done.code == REFUSED, done.stdout
    assert "at most 7 days later" in done.stderr
    assert guarded.run("clock", "show").code == 1


def test_an_acceptance_where_nothing_is_in_doubt(guarded_by: Guards) -> None:
    """None can be made in store."""
    guarded = guarded_by(*window(12))
    guarded.planned()
    done = guarded.run("clock", "accept")
    assert done.code == 10
    assert "nothing that was learned contradicts" in done.stderr
    assert not (guarded.folder / "clock.json").exists()
