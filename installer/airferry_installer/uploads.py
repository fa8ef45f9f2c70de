"""Remembers, in the state folder, where the uploads of big blobs go on: beyond kill -9.

A text file for each registry, a line for each chunk that was answered: repository, digest and the
URL for the next bytes; without URL the upload is over. It is a hint and nothing more: the registry
is asked what it has, and what is sent is hashed whole. So nothing in it need be synced. Gone when a
load has come to its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from airferry_foundation import files
from airferry_foundation.digests import digest, hex_of
from airferry_foundation.positioned import WritableFile, writing

_CAP = 64 << 20
_LINE = re.compile(r"([^ ]{1,255}) (sha256:[0-9a-f]{64})(?: (https?://[^ ]{1,8000}))?")


class StoredUploads:
    """Uploads to one registry. Safe to use from several threads; see `push.Uploads`."""

    def __init__(self, file: WritableFile) -> None:
        self._file = file
        self._lock = Lock()
        self._urls: dict[tuple[str, str], str] = {}
        for line in file.read_some(0, _CAP).decode("ascii", "replace").splitlines():
            if found := _LINE.fullmatch(line):
                self._take((found[1], found[2]), found[3])
        self._end = file.size

    def recall(self, repository: str, digest: str) -> str | None:
        """The URL that was noted last."""
        with self._lock:
            return self._urls.get((repository, digest))

    def note(self, repository: str, digest: str, url: str) -> None:
        """Remember a URL."""
        self._write((repository, digest), url)

    def forget(self, repository: str, digest: str) -> None:
        """No more of it."""
        if self.recall(repository, digest) is not None:
            self._write((repository, digest), None)

    def _take(self, key: tuple[str, str], url: str | None) -> None:
        if url is None:
            self._urls.pop(key, None)
        else:
            self._urls[key] = url

    def _write(self, key: tuple[str, str], url: str | None) -> None:
        line = " ".join([*key, *([url] if url else [])])
        with self._lock:
            self._take(key, url)
            # A line that a kill cut short is ended by the newline in front of this one.
            self._end = self._file.write([f"\n{line}\n".encode()], self._end)


@contextmanager
def remembered(state: Path, origin: str) -> Iterator[StoredUploads]:
    """The uploads to the registry at `origin`; forgotten when the body ends well."""
    folder = files.make_folder(state / "uploads", private=True)
    path = folder / hex_of(digest(origin.encode()))[:16]
    with writing(path) as file:
        yield StoredUploads(file)
    files.remove(path)
