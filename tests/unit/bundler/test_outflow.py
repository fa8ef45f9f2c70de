"""Delivered bytes as an iterable: in order, again and again, with the error where one comes."""

from __future__ import annotations

import threading

import pytest

from airferry_archive.filling import Taker
from airferry_archive.release import Blob
from airferry_bundler.outflow import Outflow
from airferry_foundation.digests import digest
from airferry_foundation.errors import RegistryUnreachableError
from airferry_foundation.progress import Task

DATA = bytes(range(256)) * 100
BLOB = Blob(digest=digest(DATA), size=len(DATA), media_type="a/b", repositories=("r",))


def deliver(_: Blob, taker: Taker, task: Task) -> None:
    """In one buffer that is used again and again, as streams do it."""
    buffer = bytearray(1000)
    for start in range(0, len(DATA), 1000):
        part = DATA[start : start + 1000]
        buffer[: len(part)] = part
        taker.write(memoryview(buffer)[: len(part)])
        task.advance(len(part))
    assert (taker.taken, taker.digest) == (BLOB.size, BLOB.digest)


def test_it_flows_as_often_as_wanted() -> None:
    flow = Outflow(deliver, BLOB)
    for _ in range(3):
        assert b"".join(bytes(chunk) for chunk in flow) == DATA


def test_an_error_comes_after_what_was_delivered() -> None:
    def breaks(blob: Blob, taker: Taker, task: Task) -> None:
        taker.write(memoryview(b"front"))
        raise RegistryUnreachableError("gone")

    got: list[bytes] = []

    def read() -> None:
        got.extend(bytes(chunk) for chunk in Outflow(breaks, BLOB))

    with pytest.raises(RegistryUnreachableError, match="gone"):
        read()
    got.clear()
    chunks = iter(Outflow(breaks, BLOB))
    assert next(chunks) == b"front"
    with pytest.raises(RegistryUnreachableError):
        next(chunks)


def test_who_stops_reading_leaves_no_thread() -> None:
    before = threading.active_count()
    chunks = iter(Outflow(deliver, BLOB))
    next(chunks)
    assert threading.active_count() == before + 1
    chunks.close()  # type: ignore[attr-defined] # a generator
    assert threading.active_count() == before
