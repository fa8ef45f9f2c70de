"""Over each volume of a small set, and over a delta, byte by byte: no change is accepted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from airferry_archive.volume_check import check
from airferry_fixtures.simulator import bundle_of
from airferry_fixtures.small_volumes import (
    VENDOR,
    accepted,
    cut_product,
    small_frames,
    volumes_of,
)
from airferry_foundation.errors import AirferryError


@pytest.fixture(scope="module", autouse=True)
def frames() -> Iterator[None]:
    with small_frames():
        yield


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    made = volumes_of(tmp_path_factory.mktemp("volumes") / "stick")
    assert len(made) == 3
    return made


def holds_alone(path: Path) -> bool:
    try:
        check(path)
    except AirferryError:
        return False
    return True


def changed(path: Path) -> Iterator[int]:
    """Flip each byte of a file in turn; it is as before afterwards."""
    whole = path.read_bytes()
    handle = os.open(path, os.O_WRONLY)
    try:
        for at, byte in enumerate(whole):
            os.pwrite(handle, bytes([byte ^ 1 << at % 8]), at)
            yield at
            os.pwrite(handle, bytes([byte]), at)
    finally:
        os.close(handle)


def shortened(path: Path) -> Iterator[int]:
    """Cut a file shorter and shorter; whole again afterwards."""
    whole = path.read_bytes()
    for size in range(len(whole) - 1, -1, -1):
        os.truncate(path, size)
        yield size
    path.write_bytes(whole)


def test_they_are_accepted_as_they_are(volumes: list[Path]) -> None:
    assert accepted(volumes[0])
    assert all(holds_alone(one) for one in volumes)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_no_flipped_byte_of_a_volume_is_accepted(volumes: list[Path], number: int) -> None:
    """Neither by who reads the set, nor by who checks that volume alone."""
    for at in changed(volumes[number]):
        assert not accepted(volumes[0]), at
        assert not holds_alone(volumes[number]), at
    assert accepted(volumes[0])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_no_truncated_volume_is_accepted(volumes: list[Path], number: int) -> None:
    for size in shortened(volumes[number]):
        assert not accepted(volumes[0]), size
        assert not holds_alone(volumes[number]), size
    assert accepted(volumes[0])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_nothing_may_follow_a_volume(volumes: list[Path], number: int) -> None:
    path = volumes[number]
    whole = path.read_bytes()
    for extra in (b"\0", whole, b"\x5a\x2a\x4d\x18\x00\x00\x00\x00"):
        path.write_bytes(whole + extra)
        assert not accepted(volumes[0])
        assert not holds_alone(path)
        path.write_bytes(extra + whole)
        assert not accepted(volumes[0])
        assert not holds_alone(path)
    path.write_bytes(whole)


@pytest.fixture(scope="module")
def delta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    product = cut_product()
    carried = sorted(product.contents, key=lambda one: len(product.contents[one]))[1:4]
    path = tmp_path_factory.mktemp("delta") / "d.tar.zst"
    return bundle_of(path, VENDOR, product, carried=carried)


def test_no_flipped_byte_of_a_delta_is_accepted(delta: Path) -> None:
    assert accepted(delta)
    for at in changed(delta):
        assert not accepted(delta), at


def test_no_truncated_delta_is_accepted(delta: Path) -> None:
    for size in shortened(delta):
        assert not accepted(delta), size
    assert accepted(delta)
