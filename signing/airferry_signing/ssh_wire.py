"""The wire encoding that SSH keys and signatures share: strings and integers, read strictly.

Source: RFC 4251, section 5. Every function here raises ValueError for what it can't read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field


@dataclass(slots=True)
class Reader:
    """Takes values off the front of a buffer."""

    data: bytes
    position: int = field(default=0)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self.position + count
        if end > len(self.data):
            raise ValueError("it ends early")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def uint32(self) -> int:
        """A 32-bit integer."""
        (value,) = struct.unpack(">I", self.take(4))
        return int(value)

    def string(self) -> bytes:
        """A string: its length, then its bytes."""
        return self.take(self.uint32())

    def mpint(self) -> int:
        """A positive integer in its only spelling: no needless leading zero."""
        value = self.string()
        number = int.from_bytes(value, "big")
        if mpint(number) != string(value):
            raise ValueError("an integer is negative or has another spelling")
        return number

    def end(self) -> None:
        """Nothing may follow."""
        if self.position != len(self.data):
            raise ValueError("something follows its end")


def string(value: bytes) -> bytes:
    """The encoding of a string."""
    return struct.pack(">I", len(value)) + value


def mpint(number: int) -> bytes:
    """The encoding of an integer that is not negative."""
    return string(number.to_bytes(number.bit_length() // 8 + 1, "big") if number else b"")
