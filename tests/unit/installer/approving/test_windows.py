"""Windows and freezes: a table of cases, most of them around the hours in which clocks change."""

from __future__ import annotations

import sys
import zoneinfo
from collections.abc import Iterator
from datetime import datetime

import msgspec
import pytest

from airferry_foundation import clock
from airferry_foundation.errors import InputError, MachineError
from airferry_installer.approving.windows import (
    DAYS,
    Calendar,
    Freeze,
    Window,
    closes,
    describe,
    is_open,
    opens,
    problems,
    zone_at,
)

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"


def window(days: str, hours: str, zone: str = BERLIN) -> Window:
    begin, end = hours.split("-")
    fields = {"days": days.split(), "from": begin, "to": end, "zone": zone}
    return msgspec.convert(fields, Window)


def freeze(begin: str, until: str, zone: str = BERLIN) -> Freeze:
    return msgspec.convert({"from": begin, "until": until, "zone": zone}, Freeze)


def at(text: str) -> datetime:
    """`2026-11-24 15:00`, UTC."""
    return clock.read(text.replace(" ", "T") + ":00Z")


NIGHT = Calendar(windows=(window("mon wed", "22:00-04:00"),))
EVERY_DAY = " ".join(DAYS)
SMALL_HOURS = Calendar(windows=(window("sun", "01:00-05:00"),))
LEFT_OUT = Calendar(windows=(window("sun", "02:30-06:00"),))
ENDS_LEFT_OUT = Calendar(windows=(window("sun", "00:30-02:30"),))
NEVER_THAT_DAY = Calendar(windows=(window("sun", "02:30-03:15"),))
DOUBLED = Calendar(windows=(window("sun", "02:15-02:45"),))
LEAP = Calendar(windows=(window("thu", "09:00-10:00"),))
DAY_LONG = Calendar(windows=(window("sat", "06:00-06:00"),))
TWO = Calendar(windows=(window("tue", "09:00-11:00"), window("tue", "10:00-12:00")))
TWO_ZONES = Calendar(windows=(window("tue", "09:00-10:00"), window("tue", "09:00-10:00", NEW_YORK)))

CASES = {
    # what: calendar, moment, opens, closes (None: not open at `moment`); all in UTC
    "before it opens": (NIGHT, "2026-11-23 20:59", "2026-11-23 21:00", None),
    "when it opens": (NIGHT, "2026-11-23 21:00", "2026-11-23 21:00", "2026-11-24 03:00"),
    "after midnight, on a day that is not named": (
        NIGHT, "2026-11-24 02:59", "2026-11-24 02:59", "2026-11-24 03:00"),
    "when it closes": (NIGHT, "2026-11-24 03:00", "2026-11-25 21:00", None),
    "after midnight, of a day that is not named": (
        NIGHT, "2026-11-25 01:00", "2026-11-25 21:00", None),
    "the night before spring": (
        Calendar(windows=(window("sat", "22:00-04:00"),)),
        "2026-03-28 21:30", "2026-03-28 21:30", "2026-03-29 02:00"),
    "the night before winter": (
        Calendar(windows=(window("sat", "22:00-04:00"),)),
        "2026-10-24 20:30", "2026-10-24 20:30", "2026-10-25 03:00"),
    "over the hour that is left out": (
        SMALL_HOURS, "2026-03-29 00:00", "2026-03-29 00:00", "2026-03-29 03:00"),
    "over the hour that is doubled": (
        SMALL_HOURS, "2026-10-25 00:00", "2026-10-25 00:00", "2026-10-25 04:00"),
    "it opens in the hour that is left out": (
        LEFT_OUT, "2026-03-29 01:00", "2026-03-29 01:30", None),
    "it closes in the hour that is left out": (
        ENDS_LEFT_OUT, "2026-03-29 01:29", "2026-03-29 01:29", "2026-03-29 01:30"),
    "it would close before it opens": (
        NEVER_THAT_DAY, "2026-03-29 01:20", "2026-04-05 00:30", None),
    "the first of two": (DOUBLED, "2026-10-25 00:15", "2026-10-25 00:15", "2026-10-25 00:45"),
    "not the second of two": (DOUBLED, "2026-10-25 01:15", "2026-11-01 01:15", None),
    "the 29th of February": (LEAP, "2028-02-23 12:00", "2028-02-24 08:00", None),
    "after the 29th of February": (
        Calendar(windows=(window("tue", "23:00-01:00"),)),
        "2028-02-29 23:30", "2028-02-29 23:30", "2028-03-01 00:00"),
    "exactly a day": (DAY_LONG, "2026-11-28 05:00", "2026-11-28 05:00", "2026-11-29 05:00"),
    "two that overlap": (TWO, "2026-11-24 08:30", "2026-11-24 08:30", "2026-11-24 11:00"),
    "in another zone": (TWO_ZONES, "2026-11-24 09:30", "2026-11-24 14:00", None),
    "every hour of every day": (
        Calendar(windows=(window(EVERY_DAY, "00:00-00:00"),)),
        "2026-11-24 09:30", "2026-11-24 09:30", "never"),
    "no windows": (Calendar(), "2026-11-24 09:30", "2026-11-24 09:30", "never"),
    "the last second before a freeze": (
        Calendar(freezes=(freeze("2026-12-24", "2026-12-26"),)),
        "2026-12-23 22:59", "2026-12-23 22:59", "2026-12-23 23:00"),
    "the first of a freeze": (
        Calendar(freezes=(freeze("2026-12-24", "2026-12-26"),)),
        "2026-12-23 23:00", "2026-12-26 23:00", None),
    "the last day of a freeze counts": (
        Calendar(freezes=(freeze("2026-12-24", "2026-12-26"),)),
        "2026-12-26 22:59", "2026-12-26 23:00", None),
    "a freeze beats a window": (
        msgspec.structs.replace(NIGHT, freezes=(freeze("2026-11-24", "2026-11-25"),)),
        "2026-11-24 00:30", "2026-11-25 23:00", None),
    "a freeze cuts a window": (
        msgspec.structs.replace(NIGHT, freezes=(freeze("2026-11-24", "2026-11-24"),)),
        "2026-11-23 22:00", "2026-11-23 22:00", "2026-11-23 23:00"),
    "two freezes in a row": (
        Calendar(freezes=(freeze("2026-12-24", "2026-12-25"), freeze("2026-12-26", "2026-12-31"))),
        "2026-12-24 12:00", "2026-12-31 23:00", None),
    "a freeze in another zone": (
        Calendar(freezes=(freeze("2026-12-24", "2026-12-24", NEW_YORK),)),
        "2026-12-24 05:00", "2026-12-25 05:00", None),
    "midnight is left out after a freeze": (  # Beirut, 2026-03-29: 00:00 becomes 01:00
        Calendar(freezes=(freeze("2026-03-27", "2026-03-28", "Asia/Beirut"),)),
        "2026-03-28 12:00", "2026-03-28 22:00", None),
    "too little is left": (
        msgspec.structs.replace(TWO, expected_minutes=60),
        "2026-11-24 10:01", "2026-12-01 08:00", None),
    "just enough is left": (
        msgspec.structs.replace(TWO, expected_minutes=60),
        "2026-11-24 10:00", "2026-11-24 10:00", "2026-11-24 11:00"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_cases(case: tuple[Calendar, str, str, str | None]) -> None:
    calendar, moment, begin, end = case
    now = at(moment)
    assert list(problems(calendar)) == []
    assert opens(calendar, now) == at(begin)
    if end is None:
        assert at(begin) > now
    else:
        assert is_open(calendar, now)
        assert closes(calendar, now) == (None if end == "never" else at(end))


def test_it_is_told_in_the_zone_of_its_window() -> None:
    assert zone_at(TWO_ZONES, at("2026-11-24 08:30")) == BERLIN
    assert zone_at(TWO_ZONES, at("2026-11-24 14:30")) == NEW_YORK
    assert zone_at(Calendar(freezes=(freeze("2026-12-24", "2026-12-24", "UTC"),)), at(
        "2026-12-24 00:00")) == "UTC"  # fmt: skip


def test_the_rules_in_words() -> None:
    calendar = msgspec.structs.replace(
        NIGHT, freezes=(freeze("2026-12-24", "2026-12-26"),), expected_minutes=30
    )
    assert list(describe(calendar)) == [
        "mon wed from 22:00 to 04:00 the next day, Europe/Berlin",
        "not from 2026-12-24 until 2026-12-26, Europe/Berlin",
        "only if 30 min are left, which a change takes",
    ]


def test_every_mistake_is_listed() -> None:
    calendar = Calendar(
        windows=(window("mon", "01:00-02:00", "Europe/Berln"),),
        freezes=(
            freeze("2026-12-26", "2026-12-24"),
            freeze("2026-02-30", "2026-02-30"),
            freeze("2026-12-24", "2026-12-24", "America"),
        ),
        expected_minutes=61,
    )
    found = "\n".join(problems(calendar))
    assert "windows[0]: 'Europe/Berln' is no time zone" in found
    assert "freezes[2]: 'America' is no time zone" in found
    assert "freezes[0]: it ends (2026-12-24) before it begins" in found
    assert "freezes[1]: 2026-02-30 or 2026-02-30 is no date" in found
    assert "expected_minutes: 61, the longest window has 60" in found


@pytest.fixture
def no_zones() -> Iterator[None]:
    """A machine without zone data of its own."""
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("no_zones")
def test_a_machine_without_zones_has_those_that_we_bring() -> None:
    assert not list(problems(NIGHT))
    assert clock.zone(BERLIN).tzname(datetime(2026, 1, 1)) == "CET"  # noqa: DTZ001 - a local time


@pytest.mark.usefixtures("no_zones")
def test_no_zones_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """UTC would be the wrong hour, and nobody would notice."""
    for name in ["tzdata", *(one for one in sys.modules if one.startswith("tzdata."))]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in (BERLIN, "UTC"):
        with pytest.raises(MachineError, match="no time zone data") as caught:
            clock.zone(name)
        assert "tzdata" in caught.value.hint
    with pytest.raises(MachineError):
        list(problems(NIGHT))


def test_every_zone_of_this_machine_can_be_named() -> None:
    for name in zoneinfo.available_timezones() - {"localtime"}:
        assert window("mon", "00:00-01:00", name).zone == name


@pytest.mark.parametrize("name", ["../../etc/passwd", "localtime", "posix/UTC", "/UTC", "", "a b"])
def test_what_is_no_name_of_a_zone(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        window("mon", "00:00-01:00", name)
    if name != "localtime" and not name.startswith("posix"):
        with pytest.raises(InputError):
            clock.zone(name)


@pytest.mark.parametrize("hours", ["24:00-01:00", "1:00-02:00", "01:00-02:60", "01.00-02:00"])
def test_what_is_no_time_of_day(hours: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        window("mon", hours)


def test_a_hostile_calendar_does_not_keep_us_looking() -> None:
    """One that no reader lets through: nothing fits, for ever."""
    calendar = msgspec.structs.replace(NIGHT, expected_minutes=1440)
    assert opens(calendar, at("2026-11-24 15:00")) is None
