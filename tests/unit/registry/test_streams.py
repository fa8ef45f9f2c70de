"""Verified streams: the last bytes of a blob go out only if all of it is right."""

from __future__ import annotations

import io
import itertools
from types import SimpleNamespace

import pytest

from airferry_foundation.digests import digest
from airferry_foundation.errors import RegistryMismatchError
from airferry_registry import push, streams


def test_chunks_reuse_one_buffer() -> None:
    data = bytes(range(256)) * 5000
    seen = [bytes(chunk) for chunk in streams.chunks(io.BytesIO(data))]
    assert b"".join(seen) == data
    assert [len(chunk) for chunk in seen] == [streams.BUFFER, len(data) - streams.BUFFER]


@pytest.mark.parametrize("parts", [[], [b""], [b"abc"], [b"a", b"", b"bc"]])
def test_what_is_right_passes(parts: list[bytes]) -> None:
    data = b"".join(parts)
    passed = list(streams.verified(parts, digest(data), len(data), what="it"))
    assert b"".join(passed) == data


@pytest.mark.parametrize(
    ("parts", "size"),
    [([b"ab", b"X"], 3), ([b"ab"], 3), ([b"ab", b"cd"], 3), ([b"abcd"], 3), ([b"abc", b"d"], 3)],
)
def test_what_is_wrong_is_never_complete(parts: list[bytes], size: int) -> None:
    passed = bytearray()
    stream = streams.verified(parts, digest(b"abc"), size, what="it")
    with pytest.raises(RegistryMismatchError, match="it should be 3 bytes"):
        passed.extend(itertools.chain.from_iterable(stream))
    assert len(passed) < size


def test_a_cutter_cuts_anywhere() -> None:
    cutter = push._Cutter([b"abc", b"de", b"fghij"])
    taken = [b"".join(bytes(part) for part in cutter.take(4)) for _ in range(4)]
    assert taken == [b"abcd", b"efgh", b"ij", b""]


def test_progress_never_counts_a_byte_twice() -> None:
    counted: list[int] = []

    told = push._Told(SimpleNamespace(advance=counted.append))  # type: ignore[arg-type]  # a part
    for parts in ([b"ab"], [b"a", b"bc"], [b"abcd"]):
        told.begin()
        list(told.pass_on(parts))
    assert counted == [2, 1, 1]
