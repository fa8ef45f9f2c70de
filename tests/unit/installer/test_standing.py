from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airferry_fixtures.statements import channel_of
from airferry_installer.standing import Standing
from airferry_installer.trust import Time

ISSUED = datetime(2026, 11, 24, 14, 50, 20, tzinfo=UTC)
DIGEST = "sha256:" + "1" * 64


def standing(days: float, **changes: object) -> Standing:
    time = Time(ISSUED + timedelta(days=days))
    return Standing("shop", channel_of(**changes), 3, (DIGEST,), time)


def test_it_says_how_old_the_word_is() -> None:
    lines = standing(213).lines()
    assert "newest 1.1.0 (counter 1), floor 3, 1 revoked" in lines[0]
    assert "213 days old: ask the vendor" in lines[1]
    assert standing(213).content() is not None


def test_a_promised_date_decides_what_is_late() -> None:
    promised = "2027-11-24T00:00:00Z"
    assert not standing(213, next_expected=promised).overdue
    late = standing(400, next_expected=promised)
    assert late.overdue
    assert "promised by 2027-11-24" in late.lines()[1]
    assert not standing(89).overdue


def test_without_a_statement_it_says_so() -> None:
    nothing = Standing("shop", None, 0, (), Time(ISSUED))
    assert nothing.content() is None
    assert nothing.overdue
    assert "no channel statement" in nothing.lines()[0]
