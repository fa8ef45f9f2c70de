"""The one module that reads the clock. Times in documents are UTC, to the second, ending in Z."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated

from airferry_foundation.errors import InputError, MachineError
from airferry_foundation.grammar import whole

Timestamp = Annotated[
    str, whole(r"^[0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z$")
]
"""A time in a document, such as `2026-11-24T14:50:20Z` (RFC 3339, UTC)."""


def now() -> datetime:
    """The system clock, UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def source_date() -> datetime:
    """SOURCE_DATE_EPOCH if set (reproducible-builds.org), else now."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return now()
    if not epoch.isdigit() or len(epoch) > 11:
        raise InputError(
            f"SOURCE_DATE_EPOCH is {epoch[:40]!r}", "Set it to seconds since 1970, or unset it."
        )
    return datetime.fromtimestamp(int(epoch), UTC)


def write(moment: datetime) -> str:
    """A moment as documents spell it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(text: str) -> datetime:
    """A document's time as a moment; InputError if it is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise InputError(
            f"{text[:40]!r} is not a time", "Write it as 2026-11-24T14:50:20Z."
        ) from None


def timestamp() -> str:
    """Now, as documents spell it."""
    return write(now())


def zone(name: str) -> tzinfo:
    """A time zone by its IANA name; InputError if this machine knows none of that name.

    MachineError where it knows no zones at all: UTC never stands in for one.
    """
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        pass  # OSError: the name of a folder of zones
    if not zoneinfo.available_timezones():
        places = ", ".join(zoneinfo.TZPATH) or "nowhere"
        raise MachineError(
            f"this machine has no time zone data (looked in: {places})",
            "Install it: apt install tzdata. Windows of a policy can't be judged without it.",
        )
    raise InputError(
        f"{name[:64]!r} is no time zone that this machine knows",
        "Write an IANA name, such as Europe/Berlin or UTC.",
    )


def monotonic() -> float:
    """Seconds that never go backwards, for rates and timeouts."""
    return time.monotonic()


def pause(seconds: float) -> None:
    """Sleep."""
    time.sleep(seconds)


def age(since: datetime, until: datetime) -> str:
    """A span for people: `3 days`, `5 h`, `12 min`."""
    span: timedelta = until - since
    if span.days >= 2:
        return f"{span.days} days"
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"
