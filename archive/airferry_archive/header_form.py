"""Reads a bundle's header before anything in it is trusted.

Nothing is parsed but tar headers, whose sizes are capped by name; each member is then made again
from its name, size and bytes, and compared. What is in the files is for others to judge.
"""

from __future__ import annotations

from dataclasses import dataclass

from airferry_archive import frames, tar_headers
from airferry_archive.cursor import Cursor
from airferry_archive.header import LAST, MAX_HEADER, RELEASE, Files, Header, cap_of, header_of
from airferry_archive.layout import encode_file
from airferry_archive.mismatch import first_difference, mismatch
from airferry_archive.tar_headers import TarHeader
from airferry_foundation.errors import BundleMismatchError, TruncatedError
from airferry_foundation.positioned import PositionedFile

_LEAD = len(frames.encode(b"x")) - 1
"""Bytes before the content of a file's first block."""


@dataclass(frozen=True, slots=True)
class HeaderForm:
    """A header whose form holds; `mtime` and `sha256sums` are yet to be compared."""

    header: Header
    files: Files
    mtime: int
    sha256sums: bytes
    end: int


def read_header(file: PositionedFile) -> HeaderForm:
    """The header of a bundle; BundleMismatchError or TruncatedError if it has not that form."""
    _expect_mark(file)
    cursor = Cursor(file)
    files: list[tuple[str, bytes]] = []
    mtime: int | None = None
    while not files or files[-1][0] != LAST:
        tar_header, data = _read_file(cursor, mtime)
        mtime = tar_header.mtime
        files.append((tar_header.name, data))
    found = tuple(files)
    try:
        header, sums = header_of(found)
    except BundleMismatchError as error:
        raise mismatch(file, "header", 0, error.message) from None
    return HeaderForm(header, found, mtime or 0, sums, cursor.offset)


def _read_file(cursor: Cursor, mtime: int | None) -> tuple[TarHeader, bytes]:
    """The next member; `mtime` is the first one's, which all must share."""
    file, start = cursor.file, cursor.offset
    encoded = cursor.take(_LEAD + tar_headers.BLOCK)
    tar_header = tar_headers.decode(encoded[_LEAD:])
    if tar_header is None:
        raise mismatch(file, "header", start, "no member of a bundle begins here")
    name, size = tar_header.name, tar_header.size
    cap = cap_of(name)
    if cap is None or size > cap:
        raise mismatch(file, "header", start, f"no file {name!r} of {size:,} bytes belongs here")
    if mtime is not None and tar_header.mtime != mtime:
        raise mismatch(file, name, start, "its time differs from that of the files before it")
    length = tar_headers.content_length(size)
    if start + frames.encoded_size(length) > MAX_HEADER:
        raise mismatch(file, name, start, f"the header is longer than {MAX_HEADER:,} bytes")
    encoded += cursor.take(frames.encoded_size(length) - len(encoded))
    data = _content(encoded, length)[tar_headers.BLOCK :][:size]
    expected = encode_file(name, data, tar_header.mtime)
    if expected != encoded:
        at = start + first_difference(expected, encoded)
        raise mismatch(file, name, at, "frame, tar header or padding is not what belongs there")
    return tar_header, data


def _content(encoded: bytes, length: int) -> bytes:
    """What is between the places where the frames' own bytes belong."""
    parts: list[bytes] = []
    at = 0
    for lead, size in frames.spans(length):
        at += len(lead)
        parts.append(encoded[at : at + size])
        at += size
    return b"".join(parts)


def _expect_mark(file: PositionedFile) -> None:
    """Tell an unfinished bundle, and what is no bundle at all, from one that is damaged."""
    start = file.read_some(0, _LEAD + len(RELEASE))
    if start and not any(start):
        raise TruncatedError(
            f"{file.path} was never completed: its first frame, which is written last, is missing",
            "Give the build that makes it again; it goes on where it was.",
        )
    if len(start) == _LEAD + len(RELEASE) and (start[:4], start[_LEAD:]) != (
        frames.MAGIC,
        RELEASE.encode(),
    ):
        raise BundleMismatchError(
            f"{file.path} is not a bundle, or its first bytes are damaged: expected a zstd frame "
            f"with {RELEASE}, found {start[:8].hex()}",
            "Give the .tar.zst file that the vendor made; copy it again if it is that.",
        )
