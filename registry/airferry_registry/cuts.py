"""How often the way of one blob may be cut: tries come back with real progress alone.

A line or a registry that lets a few bytes through before each cut would be asked for ever else; one
that is cut every now and then in the middle of gigabytes is not given up.
"""

from __future__ import annotations

from dataclasses import dataclass

from airferry_foundation import clock

TRIES = 5
STEP = 1 << 20
"""Bytes that a blob must have got on for its tries to begin anew."""

_FIRST_PAUSE = 0.5  # seconds; each one after it is twice as long


@dataclass(slots=True)
class Cuts:
    """The cuts of one blob, counted since it was last `STEP` bytes further."""

    tries: int = TRIES
    _count: int = 0
    _from: int = 0

    def bear(self, reached: int) -> bool:
        """One more cut, with `reached` bytes there: waits, then True; False if it is one too many.

        Bytes that were reached before are no progress.
        """
        if reached - self._from >= STEP:
            self._count, self._from = 0, reached
        self._count += 1
        if self._count >= self.tries:
            return False
        clock.pause(_FIRST_PAUSE * 2 ** (self._count - 1))
        return True
