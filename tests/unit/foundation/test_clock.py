from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airferry_foundation import clock
from airferry_foundation.errors import InputError

MOMENT = datetime(2026, 11, 24, 14, 50, 20, tzinfo=UTC)


def test_times_are_written_and_read_alike() -> None:
    assert clock.write(MOMENT) == "2026-11-24T14:50:20Z"
    assert clock.read("2026-11-24T14:50:20Z") == MOMENT


@pytest.mark.parametrize(
    "text", ["", "2026-11-24", "2026-11-24T14:50:20+01:00", "2026-13-01T00:00:00Z"]
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        clock.read(text)


def test_the_source_date_rules_where_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795531820")
    assert clock.source_date() == datetime.fromtimestamp(1795531820, UTC)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(InputError, match="SOURCE_DATE_EPOCH"):
        clock.source_date()


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(minutes=12), "12 min"),
        (timedelta(hours=5), "5 h"),
        (timedelta(days=213, hours=3), "213 days"),
    ],
)
def test_ages_are_for_people(span: timedelta, text: str) -> None:
    assert clock.age(MOMENT, MOMENT + span) == text
