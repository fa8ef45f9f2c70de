"""Laws: a bundle that was changed anywhere, in any way, is refused; any other bytes are too.

`tests/attacks/archive/test_every_byte.py` goes through one bundle exhaustively.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from airferry_archive.reader import BundleReader
from airferry_fixtures.signers import new_key
from airferry_fixtures.simulator import bundle_of, read_everything, small_product
from airferry_fixtures.statements import Vendor
from airferry_foundation.errors import AirferryError, BundleMismatchError, TruncatedError

PRODUCT = small_product()


@cache
def good() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        vendor = Vendor(keys=(new_key(),))
        return bundle_of(Path(name) / "b", vendor, PRODUCT).read_bytes()


def read(data: bytes) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "b"
        path.write_bytes(data)
        return read_everything(path)


def positions() -> st.SearchStrategy[int]:
    return st.integers(0, len(good()) - 1)


def test_the_bundle_itself_is_accepted() -> None:
    assert read(good()) == PRODUCT.contents


@given(positions(), st.integers(1, 255))
def test_a_changed_byte(position: int, change: int) -> None:
    data = bytearray(good())
    data[position] ^= change
    with pytest.raises(AirferryError):
        read(bytes(data))


@given(positions())
def test_a_cut(end: int) -> None:
    with pytest.raises(TruncatedError):
        read(good()[:end])


@given(positions(), st.binary(min_size=1, max_size=600))
def test_an_insertion(position: int, extra: bytes) -> None:
    data = good()[:position] + extra + good()[position:]
    if data != good():
        with pytest.raises((BundleMismatchError, TruncatedError)):
            read(data)


@given(st.binary(min_size=1, max_size=2000))
def test_a_tail(extra: bytes) -> None:
    with pytest.raises(BundleMismatchError):
        read(good() + extra)


@given(positions(), positions())
def test_a_part_that_is_missing(start: int, end: int) -> None:
    start, end = sorted((start, end))
    if start < end:
        with pytest.raises((BundleMismatchError, TruncatedError)):
            read(good()[:start] + good()[end:])


@given(positions(), positions(), st.integers(1, 3000))
def test_a_part_copied_over_another(source: int, target: int, length: int) -> None:
    piece = good()[source : source + length]
    data = good()[:target] + piece + good()[target + len(piece) :]
    if data != good():
        with pytest.raises(AirferryError):
            read(data)


@given(st.binary(max_size=3000))
def test_any_other_bytes(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "b"
        path.write_bytes(data)
        with (
            pytest.raises((BundleMismatchError, TruncatedError)),
            BundleReader.open(path),
        ):
            pass
