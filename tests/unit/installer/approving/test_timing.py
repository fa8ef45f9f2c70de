from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from airferry_foundation import clock
from airferry_foundation.errors import ApprovalError
from airferry_installer.approving import timing
from airferry_installer.approving.windows import Calendar, Freeze, Window
from airferry_installer.trust import Time

NIGHT = Calendar(
    windows=(
        msgspec.convert(
            {"days": ["tue"], "from": "22:00", "to": "04:00", "zone": "Europe/Berlin"}, Window
        ),
    ),
)
FROZEN = msgspec.structs.replace(
    NIGHT,
    freezes=(
        msgspec.convert(
            {"from": "2026-11-24", "until": "2026-11-25", "zone": "Europe/Berlin"}, Freeze
        ),
    ),
)
AFTERNOON = clock.read("2026-11-24T14:00:00Z")
EVENING = clock.read("2026-11-24T22:30:00Z")


def test_without_a_calendar_any_time_will_do() -> None:
    doubtful = Time(AFTERNOON, AFTERNOON + timedelta(days=300))
    assert timing.expect_open("production", None, doubtful) is None
    assert list(timing.lines(None, doubtful)) == []
    assert timing.content(None, doubtful)["open"] is True


def test_inside_a_window() -> None:
    assert timing.expect_open("production", NIGHT, Time(EVENING)) == "2026-11-25T03:00:00Z"
    assert list(timing.lines(NIGHT, Time(EVENING))) == [
        "open now, until Wed 2026-11-25 04:00 Europe/Berlin"
    ]
    assert timing.content(NIGHT, Time(EVENING)) == {
        "open": True, "opens": None, "closes": "2026-11-25T03:00:00Z", "doubt": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("calendar", "now", "words"),
    [
        (NIGHT, AFTERNOON, "it is outside the windows of the policy; the next window opens Tue"),
        (FROZEN, EVENING, "it is frozen; the next window opens Tue 2026-12-01 22:00 Europe/Berlin"),
        (FROZEN, AFTERNOON, "outside the windows"),
        (msgspec.structs.replace(NIGHT, expected_minutes=300), EVENING,
         "it closes in 4 h, and a change takes 300 min; the next window opens Tue 2026-12-01"),
    ],
    ids=["closed", "frozen", "both", "too late"],
)  # fmt: skip
def test_outside_a_window(calendar: Calendar, now: datetime, words: str) -> None:
    with pytest.raises(ApprovalError) as caught:
        timing.expect_open("production", calendar, Time(now))
    assert words in caught.value.message
    assert "production may not be changed now, Tue 2026-11-24" in caught.value.message
    (line,) = timing.lines(calendar, Time(now))
    assert line.startswith("closed now")
    assert timing.content(calendar, Time(now))["open"] is False


@pytest.mark.parametrize(
    "time",
    [
        Time(EVENING, EVENING + timedelta(days=2)),
        Time(EVENING, None, timedelta(minutes=6)),
        Time(EVENING, EVENING + timedelta(days=2), timedelta(hours=3)),
    ],
    ids=["claimed", "behind", "both"],
)
def test_while_the_clock_is_in_doubt_no_window_is_granted(time: Time) -> None:
    for calendar in (NIGHT, Calendar(freezes=FROZEN.freezes), Calendar(expected_minutes=1)):
        with pytest.raises(ApprovalError, match="is behind a time that was learned") as caught:
            timing.expect_open("production", calendar, time)
        assert "clock accept" in caught.value.hint
        assert "no window is granted" in next(timing.lines(calendar, time))
        found = timing.content(calendar, time)
        assert (found["open"], found["opens"], found["closes"]) == (False, None, None)
        assert found["doubt"] == time.doubt


def test_two_clocks_are_never_quite_the_same() -> None:
    """It is judged by the later of them, so nothing is gained by it."""
    before = clock.read("2026-11-24T20:58:00Z")
    time = Time(before + timedelta(minutes=5), None, timedelta(minutes=5))
    assert timing.expect_open("production", NIGHT, time)
    with pytest.raises(ApprovalError, match="outside"):
        timing.expect_open("production", NIGHT, Time(before))


def test_a_back_out_ends_some_time_after_the_window() -> None:
    end = clock.read("2026-11-25T03:00:00Z")
    for minutes, grace in ((-1, 0), (0, 0), (59, 60), (60, 60)):
        if minutes < grace or minutes < 0:
            now = Time(end + timedelta(minutes=minutes))
            timing.expect_backout("production", NIGHT, grace, now)
        else:
            with pytest.raises(ApprovalError, match="may be backed out now: no window was open"):
                timing.expect_backout(
                    "production", NIGHT, grace, Time(end + timedelta(minutes=minutes))
                )


def test_a_back_out_is_not_withheld_for_want_of_expected_minutes() -> None:
    long = msgspec.structs.replace(NIGHT, expected_minutes=360)
    timing.expect_backout("production", long, 0, Time(EVENING))


def test_a_back_out_with_an_end_needs_a_clock_that_is_right() -> None:
    with pytest.raises(ApprovalError, match="is behind a time") as caught:
        timing.expect_backout("production", NIGHT, 60, Time(EVENING, None, timedelta(hours=1)))
    assert "clock accept" in caught.value.hint
