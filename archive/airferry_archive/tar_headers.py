"""The 512-byte headers of tar members, and what pads members to whole blocks.

Made with the standard library's `tarfile`, and by a reader made again and compared. USTAR (POSIX.1-
1988); GNU's base-256 numbers where a size or time has more than 11 octal digits (8 GiB, year 2242).
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass

BLOCK = 512
END = bytes(2 * BLOCK)
"""What ends an archive."""

_OCTAL_LIMIT = 8**11


@dataclass(frozen=True, slots=True)
class TarHeader:
    """The three things that differ between members; `mtime` is in seconds since 1970."""

    name: str
    size: int
    mtime: int

    def encode(self) -> bytes:
        """The 512 bytes."""
        info = tarfile.TarInfo(self.name)
        info.size, info.mtime, info.mode = self.size, self.mtime, 0o644
        plain = max(self.size, self.mtime) < _OCTAL_LIMIT and self.mtime >= 0
        return info.tobuf(tarfile.USTAR_FORMAT if plain else tarfile.GNU_FORMAT, "ascii", "strict")


def decode(block: bytes) -> TarHeader | None:
    """The header that encodes to exactly these 512 bytes; None if there is none."""
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        header = TarHeader(info.name, info.size, int(info.mtime))
        return header if header.size >= 0 and header.encode() == block else None
    except (tarfile.HeaderError, ValueError):
        return None


def padding(size: int) -> int:
    """How many zero bytes follow `size` bytes of data."""
    return -size % BLOCK


def content_length(size: int) -> int:
    """Bytes of a whole member: header, data, padding."""
    return BLOCK + size + padding(size)
