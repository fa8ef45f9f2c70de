"""Remembers which blobs a partial bundle holds, so that a build goes on after kill -9.

A text file beside the partial one: the digest of the arrangement, then a line for each blob that is
complete, and one for each frame of a big blob that is written while it is not. It is a hint and
nothing more: whoever goes on reads and hashes all of that again (at the speed of the disk, which is
far above that of a network). So nothing in it need be synced or trusted.
"""

from __future__ import annotations

import re
from pathlib import Path
from threading import Lock

from airferry_foundation.positioned import WritableFile

_HEAD = "airferry-journal/v1 "
_LINE = re.compile(r"sha256:[0-9a-f]{64}")
_FRONT = re.compile(r"(sha256:[0-9a-f]{64}) (0|[1-9][0-9]{0,9})")
_CAP = 4 << 20


class Journal:
    """An open journal; `done` are the digests that it held when it was opened.

    `fronts` are the numbers of frames that were written of others.
    """

    def __init__(self, file: WritableFile, arrangement: str) -> None:
        self._file = file
        self._lock = Lock()
        lines = file.read_some(0, _CAP).decode("ascii", "replace").splitlines()
        self.fits = bool(lines) and lines[0] == _HEAD + arrangement
        told = lines[1:] if self.fits else []
        self.done = frozenset(filter(_LINE.fullmatch, told))
        fronts = filter(None, map(_FRONT.fullmatch, told))
        self.fronts = {found[1]: int(found[2]) for found in fronts}
        self._end = file.size
        if not self.fits:
            self._begin(arrangement)

    def add(self, blob_digest: str) -> None:
        """Note that a blob is complete."""
        self._write(blob_digest)

    def reach(self, blob_digest: str, held: int) -> None:
        """Note that the first `held` frames of a blob are written; 0: none of them is any good."""
        self._write(f"{blob_digest} {held}")

    def _write(self, line: str) -> None:
        with self._lock:
            # A line that a kill cut short is ended by the newline in front of this one.
            self._end = self._file.write([f"\n{line}\n".encode()], self._end)

    def _begin(self, arrangement: str) -> None:
        self._file.cut(0)
        self._end = self._file.write([f"{_HEAD}{arrangement}\n".encode()], 0)


def partial_path(path: Path) -> Path:
    """Where a bundle is while it is not complete."""
    return path.with_name(path.name + ".partial")


def journal_path(path: Path) -> Path:
    """Where its journal is."""
    return path.with_name(path.name + ".partial.journal")
