"""Blobs out of a registry: streamed, resumed after a cut inside the blob, hashed on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from airferry_foundation.errors import RegistryUnreachableError
from airferry_foundation.progress import SILENT, Task
from airferry_registry.client import RegistryClient
from airferry_registry.cuts import TRIES, Cuts
from airferry_registry.streams import Taker, chunks, mismatch

Sink = Callable[[memoryview], object]


def fetch(  # noqa: PLR0913 - a blob is repository, digest and size
    client: RegistryClient,
    repository: str,
    digest: str,
    size: int,
    sink: Sink,
    *,
    resume: bool = True,
    task: Task | None = None,
) -> None:
    """Give a blob's bytes to `sink`, in order, each once; a chunk is good until `sink` returns.

    `task` (in bytes) is told of each chunk. Raises RegistryMismatchError after the last byte if
    size or digest are not those asked for: the sink must not commit before this returns.
    """
    tries = TRIES if resume else 1
    fetch_into(client, repository, (digest, size), _Hashing(sink), tries=tries, task=task)


def fetch_into(
    client: RegistryClient,
    repository: str,
    blob: tuple[str, int],
    taker: Taker,
    *,
    tries: int = TRIES,
    task: Task | None = None,
) -> None:
    """Like `fetch`, from where `taker` is on; it hashes, so that each byte is hashed once."""
    _Fetch(client, repository, blob, taker, task or SILENT.start("")).run(Cuts(tries))


class _Hashing:
    """A sink that only takes bytes, as a Taker."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._hasher = hashlib.sha256()
        self.taken = 0

    @property
    def digest(self) -> str:
        return "sha256:" + self._hasher.hexdigest()

    def write(self, data: memoryview, /) -> None:
        self._hasher.update(data)
        self.taken += len(data)
        self._sink(data)


class _Fetch:
    def __init__(
        self,
        client: RegistryClient,
        repository: str,
        blob: tuple[str, int],
        taker: Taker,
        task: Task,
    ) -> None:
        self._client = client
        self._repository = repository
        self._digest, self._size = blob
        self._taker = taker
        self._task = task
        self._opened = False

    def run(self, cuts: Cuts) -> None:
        while True:
            try:
                self._stream()
                break
            except RegistryUnreachableError:
                if not self._opened or not cuts.bear(self._taker.taken):
                    raise
        if self._taker.taken != self._size or self._taker.digest != self._digest:
            raise self._mismatch(self._taker.taken)

    def _stream(self) -> None:
        start = self._taker.taken
        if start and start == self._size:
            return
        with self._client.open_blob(self._repository, self._digest, start) as reader:
            self._opened = True
            for chunk in chunks(reader):
                if self._taker.taken + len(chunk) > self._size:
                    raise self._mismatch(self._taker.taken + len(chunk))
                self._taker.write(chunk)
                self._task.advance(len(chunk))

    def _mismatch(self, seen: int) -> Exception:
        what = f"{self._client.settings.origin}: blob {self._digest} of {self._repository}"
        return mismatch(what, self._digest, self._size, self._taker.digest, seen)
