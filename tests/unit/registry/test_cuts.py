"""How often a blob may be cut: tries come back with real progress alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airferry_foundation import clock
from airferry_registry.cuts import STEP, TRIES, Cuts


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr(clock, "pause", waited.append)
    return waited


def test_pauses_grow_until_it_is_enough(pauses: list[float]) -> None:
    cuts = Cuts()
    assert [cuts.bear(0) for _ in range(TRIES)] == [True] * (TRIES - 1) + [False]
    assert pauses == [0.5, 1.0, 2.0, 4.0]


def test_a_little_progress_is_none(pauses: list[float]) -> None:
    cuts = Cuts()
    borne = [cuts.bear(at * (STEP // TRIES - 1)) for at in range(TRIES)]
    assert borne[-1] is False


def test_real_progress_begins_anew(pauses: list[float]) -> None:
    cuts = Cuts()
    for at in range(10 * TRIES):
        assert cuts.bear(at * STEP // 2)
    assert max(pauses) == 1.0


def test_what_was_reached_before_is_no_progress(pauses: list[float]) -> None:
    """A registry that takes a chunk, then forgets it, again and again."""
    cuts = Cuts()
    borne = [cuts.bear(at) for at in (0, 5 * STEP, 0, 5 * STEP, 0, 5 * STEP)]
    assert borne == [True] * 5 + [False]


def test_one_try_is_one(pauses: list[float]) -> None:
    assert Cuts(1).bear(0) is False
    assert pauses == []


@given(st.lists(st.integers(0, 20 * STEP), max_size=500))
def test_there_is_an_end(reached: list[int]) -> None:
    """Whatever a registry does: so many tries for each step of a blob at most."""
    cuts, count = Cuts(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "pause", lambda _: None)
        for at in reached:
            count += 1
            if not cuts.bear(at):
                break
    assert count <= TRIES * 21
