"""Remembers which blobs a partial bundle holds, so that a build goes on after kill -9.

A text file beside the partial one: the digest of the arrangement, then a line for each blob. It is
a hint and nothing more: whoever goes on reads and hashes each of those blobs again (at the speed of
the disk, which is far above that of a network). So nothing in it need be synced or trusted.
"""

from __future__ import annotations

import re
from pathlib import Path
from threading import Lock

from airferry_foundation.positioned import WritableFile

_HEAD = "airferry-journal/v1 "
_LINE = re.compile(r"sha256:[0-9a-f]{64}")
_CAP = 4 << 20


class Journal:
    """An open journal; `done` are the digests that it held when it was opened."""

    def __init__(self, file: WritableFile, arrangement: str) -> None:
        self._file = file
        self._lock = Lock()
        lines = file.read_some(0, _CAP).decode("ascii", "replace").splitlines()
        self.fits = bool(lines) and lines[0] == _HEAD + arrangement
        self.done = frozenset(filter(_LINE.fullmatch, lines[1:])) if self.fits else frozenset()
        self._end = file.size
        if not self.fits:
            self._begin(arrangement)

    def add(self, blob_digest: str) -> None:
        """Note that a blob is complete."""
        with self._lock:
            # A line that a kill cut short is ended by the newline in front of this one.
            self._end = self._file.write([f"\n{blob_digest}\n".encode()], self._end)

    def _begin(self, arrangement: str) -> None:
        self._file.cut(0)
        self._end = self._file.write([f"{_HEAD}{arrangement}\n".encode()], 0)


def partial_path(path: Path) -> Path:
    """Where a bundle is while it is not complete."""
    return path.with_name(path.name + ".partial")


def journal_path(path: Path) -> Path:
    """Where its journal is."""
    return path.with_name(path.name + ".partial.journal")
