"""Laws of windows and freezes, over many calendars, zones and moments."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from airferry_foundation import clock
from airferry_installer.approving.windows import (
    DAYS,
    Calendar,
    Freeze,
    Window,
    closes,
    is_open,
    opens,
)

ZONES = st.sampled_from([
    "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia",
    "America/Havana", "Asia/Beirut", "America/Sao_Paulo", "UTC", "Africa/Casablanca",
])  # fmt: skip
TIMES = st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.sampled_from([0, 15, 30]))
DATES = st.dates(date(2026, 1, 1), date(2028, 12, 31))
QUARTER = timedelta(minutes=15)
MOMENTS = st.builds(
    lambda day, quarter: datetime(day.year, day.month, day.day, tzinfo=UTC) + quarter * QUARTER,
    DATES, st.integers(0, 95),
)  # fmt: skip


def _window(days: set[str], begin: str, end: str, zone: str) -> Window:
    return msgspec.convert({"days": sorted(days), "from": begin, "to": end, "zone": zone}, Window)


def _freeze(begin: date, days: int, zone: str) -> Freeze:
    until = begin + timedelta(days=days)
    fields = {"from": begin.isoformat(), "until": until.isoformat(), "zone": zone}
    return msgspec.convert(fields, Freeze)


WINDOWS = st.builds(_window, st.sets(st.sampled_from(DAYS), min_size=1), TIMES, TIMES, ZONES)
FREEZES = st.builds(_freeze, DATES, st.integers(0, 40), ZONES)
CALENDARS = st.builds(
    lambda windows, freezes: Calendar(windows=tuple(windows), freezes=tuple(freezes)),
    st.lists(WINDOWS, max_size=3), st.lists(FREEZES, max_size=4),
)  # fmt: skip


def reads_open(window: Window, moment: datetime) -> bool:
    """By the wall clock alone, as a person reads it: right where no clock was changed."""
    local = moment.astimezone(clock.zone(window.zone))
    at = f"{local:%H:%M}"
    today = DAYS[local.weekday()] in window.days
    yesterday = DAYS[(local - timedelta(days=1)).weekday()] in window.days
    if window.to > window.from_:
        return today and window.from_ <= at < window.to
    return (today and at >= window.from_) or (yesterday and at < window.to)


def changes(zone: str, moment: datetime) -> bool:
    """Whether a clock is changed within two days of a moment."""
    there = clock.zone(zone)
    days = [moment + timedelta(days=n) for n in range(-2, 3)]
    return len({one.astimezone(there).utcoffset() for one in days}) > 1


@given(WINDOWS, MOMENTS)
def test_where_no_clock_is_changed_a_window_is_what_the_wall_clock_says(
    window: Window, moment: datetime
) -> None:
    if not changes(window.zone, moment):
        assert is_open(Calendar(windows=(window,)), moment) == reads_open(window, moment)


@given(WINDOWS, MOMENTS)
def test_it_opens_on_one_of_its_days_at_its_time(window: Window, moment: datetime) -> None:
    calendar = Calendar(windows=(window,))
    begin = opens(calendar, moment)
    assert begin is not None
    assert begin - moment <= timedelta(days=15)
    local = begin.astimezone(clock.zone(window.zone))
    if begin > moment and not changes(window.zone, begin):
        assert DAYS[local.weekday()] in window.days
        assert f"{local:%H:%M}" == window.from_


@given(CALENDARS, MOMENTS)
def test_it_opens_at_the_first_moment_that_is_open(calendar: Calendar, moment: datetime) -> None:
    begin = opens(calendar, moment)
    assert begin is not None
    assert begin >= moment
    assert is_open(calendar, begin)
    probe = moment
    while probe < min(begin, moment + timedelta(days=3)):
        assert not is_open(calendar, probe)
        probe += QUARTER


@given(CALENDARS, MOMENTS)
def test_it_stays_open_until_it_closes(calendar: Calendar, moment: datetime) -> None:
    begin = opens(calendar, moment)
    assert begin is not None
    end = closes(calendar, begin)
    probe = begin
    while probe < min(end or begin + timedelta(days=3), begin + timedelta(days=3)):
        assert is_open(calendar, probe)
        probe += QUARTER
    assert end is None or not is_open(calendar, end)


@given(CALENDARS, MOMENTS)
def test_no_day_of_a_freeze_is_open(calendar: Calendar, moment: datetime) -> None:
    for freeze in calendar.freezes:
        local = moment.astimezone(clock.zone(freeze.zone)).date().isoformat()
        if freeze.from_ <= local <= freeze.until:
            assert not is_open(calendar, moment)


@given(CALENDARS, MOMENTS, st.integers(0, 240))
def test_what_begins_can_end(calendar: Calendar, moment: datetime, minutes: int) -> None:
    expecting = msgspec.structs.replace(calendar, expected_minutes=minutes)
    begin = opens(expecting, moment)
    if begin is not None:
        end = closes(expecting, begin)
        assert end is None or end - begin >= timedelta(minutes=minutes)
        assert begin >= (opens(calendar, moment) or begin)
