"""zstd frames of raw blocks, as bytes around their content: every offset follows by arithmetic.

Source: RFC 8878. A frame is magic, descriptor (no single segment, no checksum, no dictionary, a
content size of four bytes), window (128 KiB), content size; then blocks of 128 KiB, each behind
three bytes. Content over 64 MiB is cut into frames of 64 MiB. There is no zstd checksum: each
blob's sha256 says more, and the rest of the file is compared byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator

BLOCK = 128 << 10
FRAME = 64 << 20
MAGIC = bytes.fromhex("28b52ffd")

RAW, RLE, COMPRESSED, RESERVED = range(4)
"""Types of blocks."""

_DESCRIPTOR_AND_WINDOW = bytes([0b1000_0000, (17 - 10) << 3])
_FRAME_HEADER = 10
_BLOCK_HEADER = 3


def encoded_size(length: int) -> int:
    """Bytes of the frames that hold `length` bytes of content, at least 1."""
    return length + _FRAME_HEADER * _ceil(length, FRAME) + _BLOCK_HEADER * _ceil(length, BLOCK)


def frame_lengths(length: int, first: int = 0) -> Iterator[int]:
    """The content lengths of the frames that `length` bytes are cut into, from `first` on."""
    for start in range(first * FRAME, length, FRAME):
        yield min(FRAME, length - start)


def spans(length: int, first: int = 0) -> Iterator[tuple[bytes, int]]:
    """For each block in turn: the bytes before its content, and the length of its content.

    `first` is the number of the frame to begin with.
    """
    for frame in frame_lengths(length, first):
        lead = _frame_header(frame)
        for start in range(0, frame, BLOCK):
            size = min(BLOCK, frame - start)
            yield lead + block_header(size, last=start + size == frame), size
            lead = b""


def encode(content: bytes) -> bytes:
    """The frames that hold `content`; for what is small."""
    parts: list[bytes] = []
    start = 0
    for lead, size in spans(len(content)):
        parts += [lead, content[start : start + size]]
        start += size
    return b"".join(parts)


def block_header(size: int, *, last: bool, kind: int = RAW) -> bytes:
    """The three bytes before a block (RFC 8878, 3.1.1.2)."""
    return (last | kind << 1 | size << 3).to_bytes(_BLOCK_HEADER, "little")


def read_block_header(data: bytes) -> tuple[bool, int, int]:
    """Whether it is the frame's last block, its type, and its size."""
    number = int.from_bytes(data, "little")
    return bool(number & 1), number >> 1 & 3, number >> 3


def _frame_header(length: int) -> bytes:
    return MAGIC + _DESCRIPTOR_AND_WINDOW + length.to_bytes(4, "little")


def _ceil(value: int, unit: int) -> int:
    return -(-value // unit)
