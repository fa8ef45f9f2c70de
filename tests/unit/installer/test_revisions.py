from __future__ import annotations

from typing import Literal

import pytest

from airferry_foundation.digests import digest
from airferry_foundation.errors import StateMissingError
from airferry_installer import revisions
from airferry_installer.planning.plan import Running
from airferry_installer.revisions import Revision
from airferry_installer.state import StateFolder


def revision(
    number: int, outcome: Literal["applying", "applied", "failed", "backed-out"] = "applied"
) -> Revision:
    running = Running(
        revision=number, product="shop", version=f"1.0.{number}", release=digest(b"release"),
        rendered=digest(b"rendered"), epoch=1, release_counter=number,
    )  # fmt: skip
    return Revision(
        number=number,
        outcome=outcome,
        running=running,
        plan=digest(b"plan"),
        namespace="shop",
        at="2026-11-24T12:00:00Z",
    )


def test_nothing_is_kept_at_first(state: StateFolder) -> None:
    assert revisions.kept(state, "staging", "shop") == ()


def test_revisions_are_kept_in_order_and_apart(state: StateFolder) -> None:
    for number in (2, 1, 3):
        revisions.record(state, "staging", "shop", revision(number))
    revisions.record(state, "production", "shop", revision(9))
    assert [r.number for r in revisions.kept(state, "staging", "shop")] == [1, 2, 3]
    assert [r.number for r in revisions.kept(state, "production", "shop")] == [9]


def test_an_outcome_replaces_the_one_before(state: StateFolder) -> None:
    revisions.record(state, "staging", "shop", revision(1, "applying"))
    revisions.record(state, "staging", "shop", revision(1, "applied"))
    assert [r.outcome for r in revisions.kept(state, "staging", "shop")] == ["applied"]


def test_only_an_applied_revision_can_be_gone_back_to(state: StateFolder) -> None:
    revisions.record(state, "staging", "shop", revision(1))
    revisions.record(state, "staging", "shop", revision(2, "failed"))
    assert revisions.find(state, "staging", "shop", 1).running.version == "1.0.1"
    for missing in (2, 7):
        with pytest.raises(StateMissingError, match="no applied revision") as caught:
            revisions.find(state, "staging", "shop", missing)
        assert "1 (1.0.1)" in caught.value.hint
