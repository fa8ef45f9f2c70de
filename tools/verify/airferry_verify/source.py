"""The bytes of a bundle, wherever they lie: in one file, or in pieces in several."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass

from .refusal import Refused

_STEP = 1 << 20


@dataclass(frozen=True)
class Piece:
    """Bytes of the bundle from `start` on: they stand in an open file from `at` on."""

    handle: int
    path: str
    at: int
    start: int
    length: int

    @property
    def end(self) -> int:
        """Where the next piece starts."""
        return self.start + self.length

    def digest(self, offset: int, length: int) -> str:
        """The digest of some of it; `offset` counts from the piece's beginning."""
        hasher, end = hashlib.sha256(), offset + length
        while offset < end:
            data = os.pread(self.handle, min(_STEP, end - offset), self.at + offset)
            if not data:
                raise Refused(f"{self.path} ends early, at byte {self.at + offset}")
            hasher.update(data)
            offset += len(data)
        return "sha256:" + hasher.hexdigest()


class Source:
    """The pieces, one after the other, as the one file that they are."""

    def __init__(self, pieces: tuple[Piece, ...]) -> None:
        self._pieces = pieces
        self.size = pieces[-1].end if pieces else 0

    def read(self, offset: int, length: int) -> bytes:
        """At most `length` bytes, less only at the end."""
        parts = []
        while length:
            piece = next((p for p in self._pieces if p.start <= offset < p.end), None)
            if piece is None:
                break
            most = min(length, piece.end - offset)
            data = os.pread(piece.handle, most, piece.at + offset - piece.start)
            if not data:
                break
            parts.append(data)
            offset, length = offset + len(data), length - len(data)
        return b"".join(parts)

    def exactly(self, offset: int, length: int, name: str) -> bytes:
        """`length` bytes; `name` is what they are of."""
        data = self.read(offset, length)
        if len(data) < length:
            raise Refused(f"{name}: the file ends early, {self.place(offset + len(data))}")
        return data

    def place(self, offset: int) -> str:
        """Where a byte stands, in words."""
        piece = next((p for p in self._pieces if p.start <= offset < p.end), None)
        if piece is None or len(self._pieces) == 1:
            return f"at byte {offset}"
        return f"at byte {piece.at + offset - piece.start} of {piece.path}"
