"""Blobs into a registry: streamed, hashed while they are sent, committed only if right.

A small blob is one PUT; a big one is a PATCH for each 64 MiB, then a PUT. The last bytes of a blob
are sent only when all of it hashed right, so a wrong blob is never complete at the registry; what
was sent of it is cancelled.

A big one goes on where it was, after a cut or in another process: the Location of the last answered
chunk is remembered, and asked; what the registry has by then is hashed again and not sent. One that
the registry does not know any more, or that turns out wrong, starts anew. (Distribution 3 goes on
from a Location that is older than what it has, 2.8 does not.) What a busy registry puts off is sent
again, too; `cuts` says how often.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal, Protocol

from airferry_foundation.errors import (
    Interrupted,
    RegistryError,
    RegistryMissingError,
    RegistryUnreachableError,
)
from airferry_foundation.progress import SILENT, Task
from airferry_registry.client import RegistryClient
from airferry_registry.cuts import Cuts
from airferry_registry.streams import verified

CHUNK = 64 << 20

Outcome = Literal["present", "mounted", "sent"]


class Uploads(Protocol):
    """Remembers the URLs by which uploads go on, by repository and digest."""

    def recall(self, repository: str, digest: str) -> str | None:
        """The URL that was noted last, None if there is none or it was forgotten."""

    def note(self, repository: str, digest: str, url: str) -> None:
        """Remember a URL."""

    def forget(self, repository: str, digest: str) -> None:
        """The upload is complete, or good for nothing."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Uploads as long as this object lives."""

    urls: dict[tuple[str, str], str] = field(default_factory=dict)

    def recall(self, repository: str, digest: str) -> str | None:
        """The URL that was noted last."""
        return self.urls.get((repository, digest))

    def note(self, repository: str, digest: str, url: str) -> None:
        """Remember a URL."""
        self.urls[repository, digest] = url

    def forget(self, repository: str, digest: str) -> None:
        """No more of it."""
        self.urls.pop((repository, digest), None)


def push_blob(  # noqa: PLR0913 - a blob is repository, digest, size and bytes
    client: RegistryClient,
    repository: str,
    digest: str,
    size: int,
    chunks: Iterable[memoryview | bytes],
    *,
    hashed: bool = False,
    uploads: Uploads | None = None,
    chunk_size: int = CHUNK,
    lead: int = 0,
    task: Task | None = None,
) -> None:
    """Upload one blob. `task` (in bytes) is told of each chunk.

    The first chunk is `lead` bytes shorter than the others: they end where a bundle's frames do
    then. `chunks` may take its time before a chunk: no connection waits for it meanwhile.
    Where `chunks` can be iterated again (it is no iterator), an upload that was cut goes on, or
    starts anew. `hashed` says that `chunks` raises by itself before its last chunk if the bytes are
    wrong, so that they need not be hashed here too. Raises RegistryMismatchError, or whatever
    `chunks` raises, with nothing committed.
    """
    once = iter(chunks) is chunks
    told = _Told(task or SILENT.start(""))
    upload = _Upload(client, repository, (digest, size), uploads or Remembered(), chunk_size, lead)
    cuts = Cuts()
    while True:
        told.begin()
        source = told.pass_on(chunks)
        try:
            upload.run(source if hashed else upload.verified(source))
        except RegistryUnreachableError:
            if once or not cuts.bear(upload.reached):
                raise
        except _StaleError as stale:
            if once or not cuts.bear(0):
                raise stale.error from None
        else:
            told.reach(size)
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


class _StaleError(Exception):
    """What went on from an earlier try was refused; `error` says how."""

    def __init__(self, error: RegistryError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(slots=True)
class _Upload:
    """One blob on its way; `run` may be called again after a cut.

    `reached` is how much of it the registry has said to have, at most.
    """

    client: RegistryClient
    repository: str
    blob: tuple[str, int]
    uploads: Uploads
    chunk_size: int
    lead: int = 0
    reached: int = 0

    def verified(self, chunks: Iterable[memoryview | bytes]) -> Iterator[memoryview | bytes]:
        """The chunks, hashed."""
        return verified(chunks, *self.blob, what=f"blob {self.blob[0]} for {self.repository}")

    def run(self, stream: Iterable[memoryview | bytes]) -> None:
        """Send what the registry does not have yet, and commit."""
        url, start = self._go_on() or (self.client.start_upload(self.repository), 0)
        try:
            self._send(url, start, _Cutter(stream))
        except (RegistryUnreachableError, Interrupted, KeyboardInterrupt):
            if not self.uploads.recall(self.repository, self.blob[0]):
                self._cancel(url)
            raise
        except RegistryError as error:
            self._cancel(url)
            if start:
                raise _StaleError(error) from error
            raise
        except BaseException:
            self._cancel(url)
            raise

    def _go_on(self) -> tuple[str, int] | None:
        """Where an earlier try goes on, if the registry knows it and has some of it."""
        digest, size = self.blob
        url = self.uploads.recall(self.repository, digest)
        if url is None:
            return None
        found = self.client.upload_state(self.repository, url)
        if found is None or not 0 < found[1] <= size:
            self._cancel(url)
            return None
        self.reached = max(self.reached, found[1])
        return found

    def _send(self, url: str, start: int, cutter: _Cutter) -> None:
        digest, size = self.blob
        if size + self.lead <= self.chunk_size:
            cutter.wait()
            body = cutter.take(size)
            self.client.finish_upload(self.repository, url, digest, length=size, body=body)
            return
        cutter.drop(start)
        while start < size:
            length = min(self.chunk_size - (start + self.lead) % self.chunk_size, size - start)
            cutter.wait()
            body = cutter.take(length)
            url = self.client.send_chunk(
                self.repository, url, start=start, length=length, body=body
            )
            self.uploads.note(self.repository, digest, url)
            start += length
            self.reached = max(self.reached, start)
        self._commit(url)
        self.uploads.forget(self.repository, digest)

    def _commit(self, url: str) -> None:
        """Name what was sent. Where the answer to that was lost, the registry has it by now."""
        digest, size = self.blob
        try:
            self.client.finish_upload(self.repository, url, digest)
        except RegistryMissingError:
            if self.client.blob_size(self.repository, digest) != size:
                raise

    def _cancel(self, url: str) -> None:
        url = self.uploads.recall(self.repository, self.blob[0]) or url
        self.uploads.forget(self.repository, self.blob[0])
        with suppress(RegistryError):  # the first error is the one that tells what is wrong
            self.client.cancel_upload(self.repository, url)


class _Cutter:
    """Cuts a stream of chunks into bodies of given lengths; copies nothing."""

    def __init__(self, chunks: Iterable[memoryview | bytes]) -> None:
        self._chunks = iter(chunks)

    def drop(self, length: int) -> None:
        """Let `length` bytes go by."""
        for _ in self.take(length):
            pass

    def wait(self) -> None:
        """Until the next chunk is there."""
        chunk = next(self._chunks, None)
        if chunk is not None:
            self._chunks = itertools.chain([chunk], self._chunks)

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
            self.reach(self._now)

    def reach(self, count: int) -> None:
        """So many bytes are done; whoever has the last chunk does not ask for another one."""
        if count > self._most:
            self._task.advance(count - self._most)
            self._most = count
