"""Scripted registries, and a clock on which nobody waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from airferry_fixtures.servers.faulty import FaultyServer, Serve
from airferry_foundation import clock


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(FaultyServer(script))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; what would have been waited is written down."""
    waited: list[float] = []
    monkeypatch.setattr(clock, "pause", waited.append)
    return waited
