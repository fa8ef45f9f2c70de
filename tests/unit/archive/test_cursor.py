from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from airferry_archive.cursor import STEP, Cursor
from airferry_fixtures.simulator import noise
from airferry_foundation.errors import TruncatedError
from airferry_foundation.positioned import PositionedFile, reading

DATA = noise(3 * STEP + 17)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[PositionedFile]:
    (tmp_path / "f").write_bytes(DATA)
    with reading(tmp_path / "f") as opened:
        yield opened


@pytest.mark.parametrize("step", [100_003, STEP - 1, STEP, STEP + 1, 2 * STEP])
def test_everything_comes_once_and_in_order(file: PositionedFile, step: int) -> None:
    cursor = Cursor(file)
    taken = []
    while cursor.offset < len(DATA):
        taken.append(cursor.take(min(step, len(DATA) - cursor.offset)))
    assert b"".join(taken) == DATA
    assert cursor.hasher.digest() == hashlib.sha256(DATA).digest()


def test_it_begins_where_it_is_told(file: PositionedFile) -> None:
    cursor = Cursor(file, 5)
    assert cursor.take(3) == DATA[5:8]
    assert cursor.offset == 8
    assert cursor.take(0) == b""


def test_taking_more_than_there_is_says_where_the_file_ends(file: PositionedFile) -> None:
    cursor = Cursor(file, len(DATA) - 2)
    with pytest.raises(TruncatedError, match=f"ends at byte {len(DATA):,}"):
        cursor.take(3)
