"""Whether a change may begin now: a policy's calendar against the time as far as it is known. Pure.

Where the system clock is behind what was learned nobody can say what time it is: then no calendar
grants anything, until the clock is right or people accept it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from airferry_foundation import clock
from airferry_foundation.errors import ApprovalError
from airferry_installer.approving import windows
from airferry_installer.approving.windows import Calendar
from airferry_installer.trust import Time

CLOCK_HINT = (
    "Correct the system clock; or, if it is right, say so: airferry-installer clock accept. "
    "Until then no window of a policy is granted."
)


def expect_open(environment: str, calendar: Calendar | None, time: Time) -> str | None:
    """Until when the environment is open (None: no end in sight); ApprovalError if it is not."""
    if calendar is None:
        return None
    if time.doubt:
        raise ApprovalError(
            f"{environment} may not be changed now: {time.doubt}, so nobody can tell whether a "
            "window is open; nothing was changed",
            CLOCK_HINT,
        )
    if windows.opens(calendar, time.now) != time.now:
        raise ApprovalError(
            f"{environment} may not be changed now, {_told(calendar, time.now)}: "
            f"{_why_not(calendar, time.now)}; {_next(calendar, time.now)}; nothing was changed",
            "Give the same command again when it is open.",
        )
    end = windows.closes(calendar, time.now)
    return clock.write(end) if end else None


def expect_backout(environment: str, calendar: Calendar, grace: int, time: Time) -> None:
    """ApprovalError unless it is open, or was until at most `grace` minutes ago."""
    begun = time.now - timedelta(minutes=grace)
    whenever = msgspec.structs.replace(calendar, expected_minutes=0)
    if not time.doubt:
        opens = windows.opens(whenever, begun)
        if opens is not None and opens <= time.now:
            return
    why = time.doubt or f"no window was open in the last {grace} min; {_next(whenever, time.now)}"
    raise ApprovalError(
        f"no change of {environment} may be backed out now: {why}; nothing was changed",
        CLOCK_HINT if time.doubt else "Give the same command again when it is open.",
    )


def lines(calendar: Calendar | None, time: Time) -> Iterator[str]:
    """Whether it is open now, for people; nothing where no time is ruled."""
    if calendar is None:
        return
    if time.doubt:
        yield f"no window is granted now: {time.doubt}"
        yield f"  {CLOCK_HINT}"
    elif windows.opens(calendar, time.now) == time.now:
        end = windows.closes(calendar, time.now)
        yield f"open now{f', until {_told(calendar, end, time.now)}' if end else ''}"
    else:
        yield f"closed now: {_why_not(calendar, time.now)}; {_next(calendar, time.now)}"


def content(calendar: Calendar | None, time: Time) -> dict[str, Any]:
    """The same for scripts: `opens` is when a change may begin next, None if nobody can tell."""
    if calendar is None:
        return {"open": True, "opens": None, "closes": None, "doubt": ""}
    opens = None if time.doubt else windows.opens(calendar, time.now)
    is_open = opens == time.now
    end = windows.closes(calendar, time.now) if is_open else None
    return {
        "open": is_open,
        "opens": clock.write(opens) if opens and not is_open else None,
        "closes": clock.write(end) if end else None,
        "doubt": time.doubt,
    }


def _why_not(calendar: Calendar, now: datetime) -> str:
    if windows.is_open(calendar, now):
        end = windows.closes(calendar, now)
        left = clock.age(now, end) if end else ""
        return f"it closes in {left}, and a change takes {calendar.expected_minutes} min"
    whatever = msgspec.structs.replace(calendar, freezes=())
    if windows.is_open(whatever, now):
        return "it is frozen"
    return "it is outside the windows of the policy"


def _next(calendar: Calendar, now: datetime) -> str:
    after = windows.opens(calendar, now)
    if after is None:
        return "no next window is in sight"
    return f"the next window opens {_told(calendar, after)}"


def _told(calendar: Calendar, moment: datetime, inside: datetime | None = None) -> str:
    """A moment in the zone of its window: `Tue 2026-11-24 22:00 Europe/Berlin`."""
    name = windows.zone_at(calendar, inside or moment)
    local = moment.astimezone(clock.zone(name))
    return f"{local:%a %Y-%m-%d %H:%M} {name}"
