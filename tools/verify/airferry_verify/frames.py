"""zstd frames of raw blocks (RFC 8878) and tar headers, as a bundle has them and no others."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

BLOCK = 128 << 10
FRAME = 64 << 20
MAGIC = bytes.fromhex("28b52ffd")
COMPRESSED = MAGIC + bytes([0, (23 - 10) << 3])
TAR = 512
_RAW = MAGIC + bytes([0x80, (17 - 10) << 3])


def lengths(length: int) -> Iterator[int]:
    """What the frames hold that `length` bytes are cut into."""
    for start in range(0, length, FRAME):
        yield min(FRAME, length - start)


def spans(length: int) -> Iterator[tuple[bytes, int]]:
    """For each raw block: the bytes before it, and how many it has."""
    for frame in lengths(length):
        lead = _RAW + frame.to_bytes(4, "little")
        for start in range(0, frame, BLOCK):
            size = min(BLOCK, frame - start)
            last = start + size == frame
            yield lead + (last | size << 3).to_bytes(3, "little"), size
            lead = b""


def encoded_size(length: int) -> int:
    """Bytes of the raw frames that hold `length` bytes."""
    return length + 10 * -(-length // FRAME) + 3 * -(-length // BLOCK)


def encode(content: bytes) -> bytes:
    """The raw frames that hold something small."""
    parts, start = [], 0
    for lead, size in spans(len(content)):
        parts += [lead, content[start : start + size]]
        start += size
    return b"".join(parts)


def member_length(size: int) -> int:
    """Bytes of tar header, data and padding."""
    return TAR + size + -size % TAR


def tar_header(name: str, size: int, mtime: int) -> bytes:
    """The 512 bytes before a member's data."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, mtime, 0o644
    small = max(size, mtime) < 8**11
    return info.tobuf(tarfile.USTAR_FORMAT if small else tarfile.GNU_FORMAT, "ascii", "strict")


def member(name: str, data: bytes, mtime: int) -> bytes:
    """A small file as it stands in a bundle."""
    return encode(tar_header(name, len(data), mtime) + data + bytes(-len(data) % TAR))


END = encode(bytes(2 * TAR))
