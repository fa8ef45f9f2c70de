"""Streams of blobs: 1 MiB buffers, hashed as they pass, never a blob in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from airferry_foundation.errors import RegistryMismatchError

BUFFER = 1 << 20


class Readable(Protocol):
    """What a blob is read from: fills a buffer, 0 at the end."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill the front of `buffer`; how many bytes, 0 at the end."""


class BlobSource(Protocol):
    """Anything that holds blobs: a layout on disk, a saved image, a registry's repository."""

    def open(self, digest: str, offset: int = 0) -> AbstractContextManager[Readable]:
        """Open a blob at `offset`; its bytes are not yet verified."""


class Taker(Protocol):
    """Takes a blob's bytes in order, and hashes them: so whoever brings them need not."""

    @property
    def taken(self) -> int:
        """How many bytes it has: the next ones begin there."""

    @property
    def digest(self) -> str:
        """The digest of what it has."""

    def write(self, data: memoryview, /) -> object:
        """Take more; the memory is used again once this returns."""


def chunks(reader: Readable) -> Iterator[memoryview]:
    """The rest of a stream; each chunk is good until the next one is asked for."""
    buffer = memoryview(bytearray(BUFFER))
    while count := reader.readinto(buffer):
        yield buffer[:count]


def verified(
    source: Iterable[memoryview | bytes], digest: str, size: int, *, what: str
) -> Iterator[memoryview | bytes]:
    """Pass chunks on, the last one only if size and digest are right.

    So whoever sends them on has not sent a whole blob when RegistryMismatchError comes.
    """
    hasher = hashlib.sha256()
    seen = 0
    last: bytes | None = None
    for chunk in source:
        if not chunk:
            continue
        hasher.update(chunk)
        seen += len(chunk)
        if seen > size:
            break
        if seen == size:
            last = bytes(chunk)
        else:
            yield chunk
    found = "sha256:" + hasher.hexdigest()
    if seen != size or found != digest:
        raise mismatch(what, digest, size, found, seen)
    if last:
        yield last


def mismatch(what: str, digest: str, size: int, found: str, seen: int) -> RegistryMismatchError:
    """The error for bytes that are not those that were asked for."""
    got = f"{seen} bytes" if seen != size else f"bytes with digest {found}"
    return RegistryMismatchError(
        f"{what} should be {size} bytes with digest {digest}, found {got}",
        "Nothing of it was used. The storage behind it is damaged, or something in between "
        "changes bytes.",
    )
