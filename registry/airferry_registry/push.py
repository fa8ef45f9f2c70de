"""Blobs into a registry: streamed, hashed while they are sent, committed only if right.

A small blob is one PUT; a big one is a PATCH for each 64 MiB, then a PUT. The last bytes of a blob
are sent only when all of it hashed right, so a wrong blob is never complete at the registry; what
was sent of it is cancelled.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Literal

from airferry_foundation.errors import RegistryError, RegistryUnreachableError
from airferry_foundation.progress import SILENT, Task
from airferry_registry.client import RegistryClient
from airferry_registry.streams import verified

CHUNK = 64 << 20
TRIES = 3

Outcome = Literal["present", "mounted", "sent"]


def push_blob(  # noqa: PLR0913 - a blob is repository, digest, size and bytes
    client: RegistryClient,
    repository: str,
    digest: str,
    size: int,
    chunks: Iterable[memoryview | bytes],
    *,
    chunk_size: int = CHUNK,
    task: Task | None = None,
) -> None:
    """Upload one blob. `task` (in bytes) is told of each chunk.

    Where `chunks` can be iterated again (it is no iterator), an upload that was cut starts anew.
    Raises RegistryMismatchError, or whatever `chunks` raises, with nothing committed.
    """
    once = iter(chunks) is chunks
    told = _Told(task or SILENT.start(""))
    for attempt in range(1, TRIES + 1):
        told.begin()
        try:
            _upload(client, repository, (digest, size), told.pass_on(chunks), chunk_size)
        except RegistryUnreachableError:
            if once or attempt == TRIES:
                raise
        else:
            return


def mount_or_push(  # noqa: PLR0913 - as push_blob
    client: RegistryClient,
    repository: str,
    digest: str,
    size: int,
    chunks: Iterable[memoryview | bytes],
    *,
    mount_from: Iterable[str] = (),
    task: Task | None = None,
) -> Outcome:
    """The cheapest way: nothing if it is there, a mount if another repository has it, or send."""
    if client.blob_size(repository, digest) == size:
        return "present"
    for other in mount_from:
        if other != repository and client.mount(repository, digest, other):
            return "mounted"
    push_blob(client, repository, digest, size, chunks, task=task)
    return "sent"


def _upload(
    client: RegistryClient,
    repository: str,
    blob: tuple[str, int],
    chunks: Iterable[memoryview | bytes],
    chunk_size: int,
) -> None:
    digest, size = blob
    url = client.start_upload(repository)
    stream = verified(chunks, digest, size, what=f"blob {digest} for {repository}")
    try:
        if size <= chunk_size:
            client.finish_upload(repository, url, digest, length=size, body=stream)
            return
        cutter = _Cutter(stream)
        for start in range(0, size, chunk_size):
            length = min(chunk_size, size - start)
            url = client.send_chunk(
                repository, url, start=start, length=length, body=cutter.take(length)
            )
        client.finish_upload(repository, url, digest)
    except BaseException:
        with suppress(RegistryError):  # the first error is the one that tells what is wrong
            client.cancel_upload(repository, url)
        raise


class _Cutter:
    """Cuts a stream of chunks into bodies of given lengths; copies nothing."""

    def __init__(self, chunks: Iterable[memoryview | bytes]) -> None:
        self._chunks = iter(chunks)

    def take(self, length: int) -> Iterator[memoryview | bytes]:
        """The next `length` bytes, or fewer at the stream's end."""
        while length:
            chunk = next(self._chunks, None)
            if chunk is None:
                return
            view = memoryview(chunk)
            part, rest = view[:length], view[length:]
            if rest:
                self._chunks = itertools.chain([rest], self._chunks)
            length -= len(part)
            yield part


class _Told:
    """Tells a task of bytes, each of them once however often an upload starts anew."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._most = 0
        self._now = 0

    def begin(self) -> None:
        self._now = 0

    def pass_on(self, chunks: Iterable[memoryview | bytes]) -> Iterator[memoryview | bytes]:
        for chunk in chunks:
            yield chunk
            self._now += len(chunk)
            if self._now > self._most:
                self._task.advance(self._now - self._most)
                self._most = self._now
