"""Compressed frames: made at a pinned level, found by their block headers, read under caps.

Every frame begins with the same six bytes: no content size (so never a single segment), no
checksum, no dictionary, a window of 8 MiB. A frame's content is as long as the layout says, to the
byte; blocks are decoded one by one, so that nothing ever yields more than 128 KiB at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import zstandard

from airferry_archive import frames
from airferry_archive.cursor import Cursor
from airferry_archive.mismatch import mismatch
from airferry_foundation.positioned import Buffer, PositionedFile

LEVEL = 3
WINDOW_LOG = 23
FRAME_HEADER = frames.MAGIC + bytes([0, (WINDOW_LOG - 10) << 3])

_PIECE = 1 << 20
_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    LEVEL,
    window_log=WINDOW_LOG,
    write_content_size=False,
    write_checksum=False,
    write_dict_id=False,
    threads=0,  # threads=1 makes other bytes
)


class Compressor:
    """Content in, frames out; the same bytes whatever the sizes of the pieces that come in."""

    def __init__(self, length: int, emit: Callable[[Sequence[Buffer]], None]) -> None:
        self._lengths = frames.frame_lengths(length)
        self._emit = emit
        self._piece = bytearray()
        self._frame_left = 0
        self._coder: zstandard.ZstdCompressionObj | None = None

    def write(self, data: memoryview) -> None:
        """Take more of the content, never more than was announced in all."""
        while data:
            if self._coder is None:
                self._frame_left = next(self._lengths)
                self._coder = zstandard.ZstdCompressor(compression_params=_PARAMETERS).compressobj()
            wanted = min(_PIECE, self._frame_left) - len(self._piece)
            self._piece += data[:wanted]
            data = data[wanted:]
            if len(self._piece) == min(_PIECE, self._frame_left):
                self._compress(self._coder)

    def _compress(self, coder: zstandard.ZstdCompressionObj) -> None:
        self._emit([coder.compress(self._piece)])
        self._frame_left -= len(self._piece)
        self._piece = bytearray()
        if not self._frame_left:
            self._emit([coder.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH)])
            self._coder = None


def end_of(file: PositionedFile, offset: int, length: int, name: str) -> int:
    """Where the frames end that begin at `offset` and hold `length` bytes; only headers are read.

    TruncatedError, or BundleMismatchError for what can't be such a frame.
    """
    for frame in frames.frame_lengths(length):
        limit = offset + _bound(frame)
        _expect_header(file, offset, file.read(offset, len(FRAME_HEADER)), name)
        offset += len(FRAME_HEADER)
        last = False
        while not last:
            last, size = _block(file, offset, file.read(offset, 3), name)
            offset += 3 + size
            if offset > limit:
                raise mismatch(file, name, offset, "a frame is longer than its content could need")
    if offset > file.size:
        raise file.ends_early(offset)
    return offset


def decode(cursor: Cursor, length: int, name: str) -> Iterator[memoryview]:
    """The content of the frames that come next, in chunks of at most 128 KiB.

    Ends normally only if there were exactly `length` bytes in exactly as many frames as they need.
    """
    for frame in frames.frame_lengths(length):
        yield from _decode_frame(cursor, frame, name)


def _decode_frame(cursor: Cursor, length: int, name: str) -> Iterator[memoryview]:
    file, start = cursor.file, cursor.offset
    header = cursor.take(len(FRAME_HEADER))
    _expect_header(file, start, header, name)
    decoder = zstandard.ZstdDecompressor(max_window_size=1 << WINDOW_LOG).decompressobj()
    _decode(decoder, header, file, start, name)
    produced, last = 0, False
    while not last:
        at = cursor.offset
        head = cursor.take(3)
        last, size = _block(file, at, head, name)
        content = _decode(decoder, head + cursor.take(size), file, at, name)
        produced += len(content)
        if produced > length or cursor.offset - start > _bound(length):
            raise mismatch(file, name, at, f"a frame holds more than its {length:,} bytes")
        if content:
            yield memoryview(content)
    if produced != length or not decoder.eof or decoder.unused_data:
        raise mismatch(file, name, start, f"a frame should hold {length:,} bytes, not {produced:,}")


def _decode(
    decoder: zstandard.ZstdDecompressionObj,
    data: bytes,
    file: PositionedFile,
    offset: int,
    name: str,
) -> bytes:
    try:
        return decoder.decompress(data)
    except zstandard.ZstdError as error:
        raise mismatch(file, name, offset, f"a block can't be decompressed: {error}") from None


def _expect_header(file: PositionedFile, offset: int, found: bytes, name: str) -> None:
    if found != FRAME_HEADER:
        raise mismatch(
            file, name, offset, f"expected a frame {FRAME_HEADER.hex()}, found {found.hex()}"
        )


def _block(file: PositionedFile, offset: int, head: bytes, name: str) -> tuple[bool, int]:
    """Whether a block is its frame's last, and how many bytes follow its header."""
    last, kind, size = frames.read_block_header(head)
    if kind == frames.RESERVED or size > frames.BLOCK:
        raise mismatch(file, name, offset, f"no block begins with {head.hex()}")
    return last, 1 if kind == frames.RLE else size


def _bound(length: int) -> int:
    """More bytes than any sound encoder makes of `length`."""
    return length + length // 256 + 1024
