"""Reads members: frames compared or decoded, tar header and padding compared, data hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import islice

from airferry_archive import compression, frames, tar_headers
from airferry_archive.cursor import STEP, Cursor
from airferry_archive.layout import Coding, Member
from airferry_archive.mismatch import mismatch
from airferry_foundation.positioned import PositionedFile

CHUNK_BLOCKS = 8
"""Blocks that are read at once: 1 MiB."""
AHEAD = 4 << 20
"""How far the medium is to be in front of us, in bytes."""


def stream(
    file: PositionedFile,
    member: Member,
    offset: int,
    ended: Callable[[int], object] = lambda _end: None,
) -> Iterator[memoryview]:
    """The blob in the member at `offset`; a chunk is good until the next one is asked for.

    The last chunk comes only after everything of the member has been compared, and the digest
    holds. Raises BundleMismatchError with member and offset, or TruncatedError. `ended` is told
    where the frames of a compressed member ended.
    """
    blob = member.blob
    hasher = hashlib.sha256()
    seen = 0
    last = b""
    for chunk in _data(file, member, offset, ended):
        hasher.update(chunk)
        seen += len(chunk)
        if seen == blob.size:
            last = bytes(chunk)
        else:
            yield chunk
    found = "sha256:" + hasher.hexdigest()
    if found != blob.digest:
        raise mismatch(file, member.name, offset, f"its {seen:,} bytes have the digest {found}")
    if last:
        yield memoryview(last)


def front(file: PositionedFile, member: Member, offset: int, held: int) -> Iterator[memoryview]:
    """The blob's bytes in the first `held` frames of a raw member that goes on behind them.

    Frames and tar header are compared, as in `stream`; nothing says yet that the bytes are right.
    """
    left = held * frames.FRAME - tar_headers.BLOCK
    for chunk in _data(file, member, offset):
        yield chunk
        left -= len(chunk)
        if left <= 0:  # to the byte: chunks end where their blocks do
            return


def digest_between(file: PositionedFile, start: int, end: int) -> str:
    """The digest of the file's bytes from `start` to `end`."""
    cursor = Cursor(file, start)
    while cursor.offset < end:
        cursor.take(min(STEP, end - cursor.offset))
    return "sha256:" + cursor.hasher.hexdigest()


def _data(
    file: PositionedFile,
    member: Member,
    offset: int,
    ended: Callable[[int], object] = lambda _end: None,
) -> Iterator[memoryview]:
    """What is between tar header and padding, which are compared."""
    header, end = member.tar_header, tar_headers.BLOCK + member.blob.size
    position = 0
    for chunk in _content(file, member, offset, ended):
        start = position
        position += len(chunk)
        if start < len(header):
            expected = header[start:position]
            if chunk[: len(expected)] != expected:
                raise mismatch(file, member.name, offset, "its tar header is not what it should be")
        if position > end and any(chunk[max(0, end - start) :]):
            raise mismatch(file, member.name, offset, "its padding is not zero")
        data = chunk[max(0, len(header) - start) : max(0, end - start)]
        if data:
            yield data


def _content(
    file: PositionedFile, member: Member, offset: int, ended: Callable[[int], object]
) -> Iterator[memoryview]:
    if member.coding is Coding.COMPRESSED:
        return _compressed(file, member, offset, ended)
    return _raw(file, member, offset)


def _compressed(
    file: PositionedFile, member: Member, offset: int, ended: Callable[[int], object]
) -> Iterator[memoryview]:
    """The content of compressed frames, which must be those that carriage.json tells, if it did."""
    cursor = Cursor(file, offset)
    yield from compression.decode(cursor, member.length, member.name)
    found = "sha256:" + cursor.hasher.hexdigest()
    if member.frames not in (None, found):
        raise mismatch(file, member.name, offset, f"its frames have the digest {found}")
    ended(cursor.offset)


def _raw(file: PositionedFile, member: Member, offset: int) -> Iterator[memoryview]:
    """The content of raw frames, 1 MiB at a time, in one buffer."""
    buffer = memoryview(bytearray(min(member.length, CHUNK_BLOCKS * frames.BLOCK)))
    spans = frames.spans(member.length)
    while batch := list(islice(spans, CHUNK_BLOCKS)):
        found = [bytearray(len(lead)) for lead, _ in batch]
        views: list[memoryview] = []
        filled = 0
        for lead, (_, size) in zip(found, batch, strict=True):
            views += [memoryview(lead), buffer[filled : filled + size]]
            filled += size
        file.read_into(views, offset)
        file.expect(offset + AHEAD, filled)
        for lead, (expected, size) in zip(found, batch, strict=True):
            if lead != expected:
                what = f"expected {expected.hex()} before a block, found {lead.hex()}"
                raise mismatch(file, member.name, offset, what)
            offset += len(expected) + size
        yield buffer[:filled]
