"""When an environment may be changed: the windows and freezes of a policy. Pure.

The day of a window is the day on which it opens, in its zone; a `to` that is not after `from` is on
the next day. Freezes are whole days in their zone, both ends included, and beat windows. Without
windows any time will do that is not frozen.

A local time that daylight saving doubles or leaves out means what RFC 5545 (3.3.5) says: the first
of the two; or what the clock would have shown without the change (a 02:30 that is left out is the
moment that is called 03:30). A window that would close before it opens stays shut on that day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

import msgspec

from airferry_archive.release import Line
from airferry_foundation import clock
from airferry_foundation.documents import Document
from airferry_foundation.errors import InputError
from airferry_foundation.grammar import whole

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
TimeOfDay = Annotated[str, whole(r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A local time, `HH:MM`."""
Date = Annotated[str, whole(r"^20[0-9][0-9]-[01][0-9]-[0-3][0-9]$")]
"""A local date, `2026-12-24`."""
Zone = Annotated[str, whole(r"^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*)*$", max_length=64)]
"""An IANA zone, such as `Europe/Berlin`."""
Minutes = Annotated[int, msgspec.Meta(ge=0, le=1440)]

_DAY = timedelta(days=1)
_SIGHT = timedelta(days=15)
"""A window that opens at all opens within two weeks: daylight saving can take one of them."""
_ROUNDS = 1000
"""More than the windows and freezes that a calendar may hold can make us look."""


class Window(Document, frozen=True, kw_only=True):
    """On these days, from one local time to another: shorter than a day, or exactly one."""

    days: Annotated[tuple[Day, ...], msgspec.Meta(min_length=1, max_length=7)]
    from_: TimeOfDay = msgspec.field(name="from")
    to: TimeOfDay
    zone: Zone

    @property
    def minutes(self) -> int:
        """How long it is open where no clock is changed."""
        return (_minutes(self.to) - _minutes(self.from_)) % 1440 or 1440


class Freeze(Document, frozen=True, kw_only=True):
    """No change on these days, both included."""

    from_: Date = msgspec.field(name="from")
    until: Date
    zone: Zone
    reason: Line = ""


class Calendar(Document, frozen=True, kw_only=True):
    """When a change may begin, as far as that is ruled."""

    windows: Annotated[tuple[Window, ...], msgspec.Meta(max_length=50)] = ()
    freezes: Annotated[tuple[Freeze, ...], msgspec.Meta(max_length=200)] = ()
    expected_minutes: Minutes = 0
    """How long a change takes; it begins only if that is left before it closes."""


def is_open(calendar: Calendar, moment: datetime) -> bool:
    """Whether it is open, however soon it closes."""
    return not _thaws(calendar, moment) and (
        not calendar.windows or bool(_closings(calendar, moment))
    )


def opens(calendar: Calendar, moment: datetime) -> datetime | None:
    """When a change may begin next: `moment` itself, or later; None if that is out of sight."""
    expected = timedelta(minutes=calendar.expected_minutes)
    for _ in range(_ROUNDS):
        if thaws := _thaws(calendar, moment):
            moment = max(thaws)
        elif calendar.windows and not _closings(calendar, moment):
            after = _next_opening(calendar, moment)
            if after is None:
                return None
            moment = after
        else:
            end = closes(calendar, moment)
            if end is None or end - moment >= expected:
                return moment
            moment = end
    return None


def closes(calendar: Calendar, moment: datetime) -> datetime | None:
    """When it closes if it is open at `moment`; None if that is more than two weeks away.

    Windows that overlap or follow each other are one.
    """
    ends = [begin for freeze in calendar.freezes if (begin := _begins(freeze)) > moment]
    end = moment
    while calendar.windows and end - moment <= _SIGHT:
        closings = _closings(calendar, end)
        if not closings:
            ends.append(end)
            break
        end = max(closings)
    return min(ends, default=None)


def zone_at(calendar: Calendar, moment: datetime) -> str:
    """The zone to tell a moment in: that of a window that is open then, else the first named."""
    zones = [one.zone for one in calendar.windows if _closings_of(one, moment)]
    zones += [one.zone for one in calendar.windows]
    zones += [one.zone for one in calendar.freezes]
    return zones[0] if zones else "UTC"


def describe(calendar: Calendar) -> Iterator[str]:
    """The rules for people, one a line."""
    for one in calendar.windows:
        later = " the next day" if one.to <= one.from_ else ""
        yield f"{' '.join(one.days)} from {one.from_} to {one.to}{later}, {one.zone}"
    for freeze in calendar.freezes:
        why = f" ({freeze.reason})" if freeze.reason else ""
        yield f"not from {freeze.from_} until {freeze.until}, {freeze.zone}{why}"
    if calendar.expected_minutes:
        yield f"only if {calendar.expected_minutes} min are left, which a change takes"


def problems(calendar: Calendar) -> Iterator[str]:
    """What a schema can't say; MachineError where this machine knows no zones."""
    zones = [(f"windows[{n}]", one.zone) for n, one in enumerate(calendar.windows)]
    zones += [(f"freezes[{n}]", one.zone) for n, one in enumerate(calendar.freezes)]
    for place, zone in zones:
        try:
            clock.zone(zone)
        except InputError as error:
            yield f"{place}: {error.message}"
    for number, freeze in enumerate(calendar.freezes):
        try:
            if date.fromisoformat(freeze.from_) > date.fromisoformat(freeze.until):
                yield f"freezes[{number}]: it ends ({freeze.until}) before it begins"
        except ValueError:
            yield f"freezes[{number}]: {freeze.from_} or {freeze.until} is no date"
    longest = max((one.minutes for one in calendar.windows), default=1440)
    if calendar.expected_minutes > longest:
        yield f"expected_minutes: {calendar.expected_minutes}, the longest window has {longest}"


# --- windows --------------------------------------------------------------------------------------


def _closings(calendar: Calendar, moment: datetime) -> list[datetime]:
    """When the windows close that are open at a moment."""
    return [end for one in calendar.windows for end in _closings_of(one, moment)]


def _closings_of(window: Window, moment: datetime) -> list[datetime]:
    day = _day(moment, window.zone)
    spans = _spans(window, day - 2 * _DAY, day)
    return [end for begin, end in spans if begin <= moment < end]


def _next_opening(calendar: Calendar, moment: datetime) -> datetime | None:
    begins = (begin for one in calendar.windows for begin in _begins_of(one, moment))
    return min((begin for begin in begins if begin > moment), default=None)


def _begins_of(window: Window, moment: datetime) -> Iterator[datetime]:
    """When a window opens, on the day of a moment and in the two weeks after it."""
    day = _day(moment, window.zone)
    return (begin for begin, _ in _spans(window, day, day + _SIGHT))


def _spans(window: Window, first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
    """Opening and closing of a window on each of its days between two."""
    for number in range((last - first).days + 1):
        day = first + number * _DAY
        if DAYS[day.weekday()] in window.days:
            begin = _moment(day, window.from_, window.zone)
            closing_day = day if window.to > window.from_ else day + _DAY
            end = _moment(closing_day, window.to, window.zone)
            if begin < end:
                yield begin, end


# --- freezes --------------------------------------------------------------------------------------


def _thaws(calendar: Calendar, moment: datetime) -> list[datetime]:
    """When the freezes end that hold at a moment."""
    return [
        _moment(date.fromisoformat(one.until) + _DAY, "00:00", one.zone)
        for one in calendar.freezes
        if one.from_ <= _day(moment, one.zone).isoformat() <= one.until
    ]


def _begins(freeze: Freeze) -> datetime:
    return _moment(date.fromisoformat(freeze.from_), "00:00", freeze.zone)


# --- local time -----------------------------------------------------------------------------------


def _day(moment: datetime, zone: str) -> date:
    return moment.astimezone(clock.zone(zone)).date()


def _moment(day: date, at: str, zone: str) -> datetime:
    """A local time as a moment; `fold` 0 is what RFC 5545 says where it is doubled or left out."""
    local = datetime.combine(day, time.fromisoformat(at), clock.zone(zone))
    return local.astimezone(UTC)


def _minutes(at: str) -> int:
    return int(at[:2]) * 60 + int(at[3:])
