"""Receives one blob into its place in the file, hashing on the way; no blob is ever in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from airferry_archive import content, frames, tar_headers
from airferry_archive.compression import Compressor
from airferry_archive.layout import Coding, Member
from airferry_foundation.errors import BundleMismatchError
from airferry_foundation.positioned import Buffer, WritableFile

_BURST = 8 << 20
"""Bytes that are written before the medium is told to begin with them."""


class BlobSink:
    """Takes a blob's bytes in order. More bytes than the blob has are refused before any write.

    `reached` is told how many whole frames of a raw member are written, as that number grows.
    """

    def __init__(
        self,
        file: WritableFile,
        member: Member,
        offset: int,
        reached: Callable[[int], None] | None = None,
    ) -> None:
        self._file = file
        self._member = member
        self._offset = offset
        self._end = offset
        self._begun = offset
        self._seen = 0
        self._reached = reached
        self._held = 0
        self._hasher = hashlib.sha256()
        self._frames = hashlib.sha256() if member.coding is Coding.COMPRESSED else None
        coder = Compressor if member.coding is Coding.COMPRESSED else RawCoder
        self._coder: Compressor | RawCoder = coder(member.length, self._emit)

    @property
    def taken(self) -> int:
        """Bytes of the blob that are in the file: what comes next begins there."""
        return self._seen

    @property
    def digest(self) -> str:
        """The digest of the bytes that were taken."""
        return "sha256:" + self._hasher.hexdigest()

    def begin(self, held: int = 0) -> None:
        """Begin, behind the first `held` frames: they are read, compared and hashed again.

        BundleMismatchError or TruncatedError if they can't be this member's.
        """
        if held:
            for chunk in content.front(self._file, self._member, self._offset, held):
                self._hasher.update(chunk)
                self._seen += len(chunk)
            self._coder = RawCoder(self._member.length, self._emit, first=held)
            self._end = self._begun = self._offset + held * frames.encoded_size(frames.FRAME)
            self._held = held
        else:
            self._coder.write(memoryview(self._member.tar_header))

    def write(self, data: Buffer) -> int:
        """Take more; BundleMismatchError if the blob has fewer, MediaFullError on a full disk."""
        view = memoryview(data)
        if self._seen + len(view) > self._member.blob.size:
            raise self._wrong(f"more than {self._seen:,} bytes")
        self._hasher.update(view)
        self._seen += len(view)
        self._coder.write(view)
        held = (tar_headers.BLOCK + self._seen) // frames.FRAME
        if held > self._held and self._reached:
            self._held = held
            self._reached(held)
        return len(view)

    def finish(self) -> tuple[int, str | None]:
        """Pad the member; BundleMismatchError if what was written is another blob.

        Returns where the member ends, and the digest of its frames if it is compressed.
        """
        if (self._seen, self.digest) != (self._member.blob.size, self._member.blob.digest):
            raise self._wrong(f"{self._seen:,} bytes with digest {self.digest}")
        self._coder.write(memoryview(bytes(tar_headers.padding(self._seen))))
        self._file.start_writing(self._begun, self._end - self._begun)
        return self._end, "sha256:" + self._frames.hexdigest() if self._frames else None

    def _emit(self, buffers: Sequence[Buffer]) -> None:
        if self._frames:
            for buffer in buffers:
                self._frames.update(buffer)
        self._end = self._file.write(buffers, self._end)
        if self._end - self._begun >= _BURST:
            self._file.start_writing(self._begun, self._end - self._begun)
            self._begun = self._end

    def _wrong(self, found: str) -> BundleMismatchError:
        blob = self._member.blob
        return BundleMismatchError(
            f"{self._file.path}: blob {blob.digest} has {blob.size:,} bytes, received {found}",
            "Its source is damaged, or is no longer what was locked; it was not taken.",
        )


class RawCoder:
    """Content in, raw frames out, as `frames.spans` lays them, from frame `first` on."""

    def __init__(
        self, length: int, emit: Callable[[Sequence[Buffer]], None], *, first: int = 0
    ) -> None:
        self._spans = frames.spans(length, first)
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
