"""Receives one blob into its place in the file, hashing on the way; no blob is ever in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from airferry_archive import frames, tar_headers
from airferry_archive.compression import Compressor
from airferry_archive.layout import Coding, Member
from airferry_foundation.errors import BundleMismatchError
from airferry_foundation.positioned import Buffer, WritableFile


class BlobSink:
    """Takes a blob's bytes in order. More bytes than the blob has are refused before any write."""

    def __init__(self, file: WritableFile, member: Member, offset: int) -> None:
        self._file = file
        self._member = member
        self._end = offset
        self._seen = 0
        self._hasher = hashlib.sha256()
        self._frames = hashlib.sha256() if member.coding is Coding.COMPRESSED else None
        coder = Compressor if member.coding is Coding.COMPRESSED else RawCoder
        self._coder: Compressor | RawCoder = coder(member.length, self._emit)
        self._coder.write(memoryview(member.tar_header))

    def write(self, data: Buffer) -> int:
        """Take more; BundleMismatchError if the blob has fewer, MediaFullError on a full disk."""
        view = memoryview(data)
        if self._seen + len(view) > self._member.blob.size:
            raise self._wrong(f"more than {self._seen:,} bytes")
        self._hasher.update(view)
        self._seen += len(view)
        self._coder.write(view)
        return len(view)

    def finish(self) -> tuple[int, str | None]:
        """Pad the member; BundleMismatchError if what was written is another blob.

        Returns where the member ends, and the digest of its frames if it is compressed.
        """
        found = "sha256:" + self._hasher.hexdigest()
        if (self._seen, found) != (self._member.blob.size, self._member.blob.digest):
            raise self._wrong(f"{self._seen:,} bytes with digest {found}")
        self._coder.write(memoryview(bytes(tar_headers.padding(self._seen))))
        return self._end, "sha256:" + self._frames.hexdigest() if self._frames else None

    def _emit(self, buffers: Sequence[Buffer]) -> None:
        if self._frames:
            for buffer in buffers:
                self._frames.update(buffer)
        self._end = self._file.write(buffers, self._end)

    def _wrong(self, found: str) -> BundleMismatchError:
        blob = self._member.blob
        return BundleMismatchError(
            f"{self._file.path}: blob {blob.digest} has {blob.size:,} bytes, received {found}",
            "Its source is damaged, or is no longer what was locked; it was not taken.",
        )


class RawCoder:
    """Content in, raw frames out, as `frames.spans` lays them."""

    def __init__(self, length: int, emit: Callable[[Sequence[Buffer]], None]) -> None:
        self._spans = frames.spans(length)
        self._emit = emit
        self._room = 0  # in the block that is open

    def write(self, data: memoryview) -> None:
        """Take more of the content, never more than was announced in all."""
        buffers: list[Buffer] = []
        while data:
            if not self._room:
                lead, self._room = next(self._spans)
                buffers.append(lead)
            piece, data = data[: self._room], data[self._room :]
            self._room -= len(piece)
            buffers.append(piece)
        self._emit(buffers)
