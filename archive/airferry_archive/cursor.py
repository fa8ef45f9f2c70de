"""Reads a file from one position on, in big steps."""

from __future__ import annotations

import hashlib

from airferry_foundation.positioned import PositionedFile

STEP = 1 << 20


class Cursor:
    """What comes next in a file; `offset` is where the next byte stands.

    `hasher` has been given every byte that was taken.
    """

    def __init__(self, file: PositionedFile, offset: int = 0) -> None:
        self.file = file
        self.hasher = hashlib.sha256()
        self.offset = offset
        self._buffer = b""
        self._used = 0

    def take(self, length: int) -> bytes:
        """The next `length` bytes; TruncatedError if the file ends before."""
        end = self._used + length
        if end > len(self._buffer):
            rest = self._buffer[self._used :]
            behind = self.offset + len(rest)
            self._buffer = rest + self.file.read_ahead(behind, length - len(rest), STEP)
            self._used, end = 0, length
            if length > len(self._buffer):
                raise self.file.ends_early(self.offset + length)
        taken = self._buffer[self._used : end]
        self._used = end
        self.offset += length
        self.hasher.update(taken)
        return taken
