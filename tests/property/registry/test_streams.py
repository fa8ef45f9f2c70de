"""Laws of streams: nothing is lost or added, and nothing wrong is ever complete."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airferry_foundation.digests import digest
from airferry_foundation.errors import RegistryMismatchError
from airferry_registry.push import _Cutter
from airferry_registry.streams import verified

parts = st.lists(st.binary(max_size=20), max_size=10)


@given(parts)
def test_what_is_right_passes_whole(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    assert b"".join(verified(pieces, digest(data), len(data), what="it")) == data


@given(parts, st.binary(max_size=100))
def test_what_is_wrong_never_passes_whole(pieces: list[bytes], wanted: bytes) -> None:
    passed = bytearray()
    try:
        for chunk in verified(pieces, digest(wanted), len(wanted), what="it"):
            passed += chunk
    except RegistryMismatchError:
        assert len(passed) < len(wanted) or not wanted
    else:
        assert passed == wanted


@given(parts, st.lists(st.integers(0, 50), max_size=10))
def test_a_cutter_loses_nothing(pieces: list[bytes], lengths: list[int]) -> None:
    data = b"".join(pieces)
    cutter = _Cutter(pieces)
    at = 0
    for length in lengths:
        assert b"".join(map(bytes, cutter.take(length))) == data[at : at + length]
        at = min(at + length, len(data))
    assert b"".join(map(bytes, cutter.take(len(data) + 1))) == data[at:]
