"""Blobs out of a registry: streamed, hashed on the way, resumed after a cut inside the blob."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from airferry_foundation import clock
from airferry_foundation.errors import RegistryUnreachableError
from airferry_foundation.progress import SILENT, Task
from airferry_registry.client import RegistryClient
from airferry_registry.streams import chunks, mismatch

CUTS = 5
"""How many cuts in a row, with no byte in between, end it."""


def fetch(  # noqa: PLR0913 - a blob is repository, digest and size
    client: RegistryClient,
    repository: str,
    digest: str,
    size: int,
    sink: Callable[[memoryview], object],
    *,
    resume: bool = True,
    task: Task | None = None,
) -> None:
    """Give a blob's bytes to `sink`, in order, each once; a chunk is good until `sink` returns.

    `task` (in bytes) is told of each chunk. Raises RegistryMismatchError after the last byte if
    size or digest are not those asked for: the sink must not commit before this returns.
    """
    _Fetch(client, repository, digest, size, sink, task or SILENT.start("")).run(
        CUTS if resume else 1
    )


class _Fetch:
    def __init__(
        self,
        client: RegistryClient,
        repository: str,
        digest: str,
        size: int,
        sink: Callable[[memoryview], object],
        task: Task,
    ) -> None:
        self._client = client
        self._repository = repository
        self._digest = digest
        self._size = size
        self._sink = sink
        self._task = task
        self._hasher = hashlib.sha256()
        self._seen = 0
        self._opened = False

    def run(self, cuts: int) -> None:
        left = cuts
        while True:
            before = self._seen
            try:
                self._stream()
                break
            except RegistryUnreachableError:
                if not self._opened:
                    raise
                left = cuts if self._seen > before else left
                left -= 1
                if left <= 0:
                    raise
                clock.pause(0.2 * (cuts - left))
        found = "sha256:" + self._hasher.hexdigest()
        if self._seen != self._size or found != self._digest:
            raise self._mismatch(found)

    def _stream(self) -> None:
        if self._seen and self._seen == self._size:
            return
        with self._client.open_blob(self._repository, self._digest, self._seen) as reader:
            self._opened = True
            for chunk in chunks(reader):
                self._seen += len(chunk)
                if self._seen > self._size:
                    raise self._mismatch("")
                self._hasher.update(chunk)
                self._sink(chunk)
                self._task.advance(len(chunk))

    def _mismatch(self, found: str) -> Exception:
        what = f"{self._client.settings.origin}: blob {self._digest} of {self._repository}"
        return mismatch(what, self._digest, self._size, found, self._seen)
