"""Over a whole small bundle, byte by byte: nothing that was changed is accepted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from airferry_archive.reader import BundleReader
from airferry_fixtures.signers import new_key
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    blob_of,
    bundle_of,
    noise,
    product_of,
)
from airferry_fixtures.statements import Vendor
from airferry_foundation.errors import AirferryError, TruncatedError

TEXT = b"".join(b"%d bottles of beer on the wall\n" % n for n in range(25))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    product = product_of(
        blobs=[
            blob_of(noise(700), GZIP_LAYER),
            blob_of(TEXT, TAR_LAYER),
            blob_of(TEXT[::-1], "text/plain"),
        ]
    )
    folder = tmp_path_factory.mktemp("bytes")
    return bundle_of(folder / "b", Vendor(keys=(new_key(),)), product)


def accepted(path: Path) -> bool:
    """Read everything in this thread; pools of threads would make this slow."""
    try:
        with BundleReader.open(path) as reader:
            found = reader.bind(reader.release())
            for digest in found.members:
                for _ in reader.stream(digest):
                    pass
            reader._expect_end()
    except AirferryError:
        return False
    return True


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Iterator[tuple[Path, bytes, int]]:
    path = tmp_path / "copy"
    whole = bundle.read_bytes()
    path.write_bytes(whole)
    handle = os.open(path, os.O_WRONLY)
    yield path, whole, handle
    os.close(handle)


def test_the_bundle_itself_is_accepted(bundle: Path) -> None:
    assert accepted(bundle)


@pytest.mark.parametrize("quarter", range(4))
def test_every_flipped_byte_is_refused(copy: tuple[Path, bytes, int], quarter: int) -> None:
    path, whole, handle = copy
    for position in range(quarter, len(whole), 4):
        good = whole[position : position + 1]
        bit = 1 << position // 4 % 8
        os.pwrite(handle, bytes([good[0] ^ bit]), position)
        assert not accepted(path), f"bit {bit} of byte {position} may be flipped"
        os.pwrite(handle, good, position)
    assert accepted(path)


def test_every_bit_of_compressed_members_is_refused(copy: tuple[Path, bytes, int]) -> None:
    path, whole, handle = copy
    with BundleReader.open(path) as reader:
        start = reader.bind(reader.release()).compressed_start
    for position in range(start, len(whole)):
        for bit in range(8):
            os.pwrite(handle, bytes([whole[position] ^ 1 << bit]), position)
            assert not accepted(path), f"bit {bit} of byte {position} may be flipped"
        os.pwrite(handle, whole[position : position + 1], position)


def test_every_truncation_is_refused_as_such(copy: tuple[Path, bytes, int]) -> None:
    path, whole, handle = copy
    for end in range(len(whole) - 1, -1, -1):
        os.ftruncate(handle, end)
        with pytest.raises(TruncatedError):
            read_through(path)


def read_through(path: Path) -> None:
    with BundleReader.open(path) as reader:
        reader.bind(reader.release())
        reader._expect_end()


def test_every_inserted_or_dropped_byte_is_refused(copy: tuple[Path, bytes, int]) -> None:
    path, whole, _ = copy
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + b"\0" + whole[position:])
        assert not accepted(path)
        path.write_bytes(whole[:position] + whole[position + 1 :])
        assert not accepted(path)
