"""Brings blobs into a bundle that is being written: several at once, straight to their places."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from airferry_archive.release import Blob
from airferry_archive.sinks import BlobSink
from airferry_archive.writer import BundleWriter
from airferry_foundation.errors import RegistryMismatchError
from airferry_foundation.progress import SILENT, Progress, Task

WORKERS = 4


class Taker(Protocol):
    """Takes the bytes of a blob, in order, from `taken` on; it hashes them."""

    @property
    def taken(self) -> int:
        """How many bytes it has."""

    @property
    def digest(self) -> str:
        """The digest of what it has."""

    def write(self, data: memoryview, /) -> object:
        """Take more; the memory is used again once this returns."""


Deliver = Callable[[Blob, Taker, Task], None]
"""Gives a blob's bytes to a taker from where it is on, and tells the task of each chunk.

RegistryMismatchError if the taker then has other bytes than the blob's.
"""


class _Stopped(Exception):  # noqa: N818 - not an error: another worker has raised the real one
    """Another worker failed."""


def fill(
    writer: BundleWriter,
    deliver: Deliver,
    *,
    progress: Progress,
    settled: int,
    workers: int = WORKERS,
    title: str = "build",
) -> None:
    """Deliver every blob that the bundle lacks; raises the first failure, when all have stopped.

    `settled` are the bytes that are there already. Blobs that are stored as they are go to their
    places by `workers` threads; those that get compressed follow one another, by one more.
    """
    total = sum(blob.size for blob in writer.missing()) + settled
    task = progress.start(title, total)
    task.settle(settled)
    stop = threading.Event()

    raw: SimpleQueue[Blob] = SimpleQueue()
    packed: SimpleQueue[Blob] = SimpleQueue()
    for blob in sorted(writer.missing_raw(), key=lambda blob: blob.size, reverse=True):
        raw.put(blob)  # the largest first: so all workers end at about the same time
    for blob in writer.missing_compressed():
        packed.put(blob)

    def bring(blobs: SimpleQueue[Blob]) -> None:
        for blob in _taken(blobs):
            _bring(writer, deliver, blob, task, stop)

    with ThreadPoolExecutor(workers + 1) as pool:
        started = [pool.submit(bring, raw) for _ in range(workers)]
        started.append(pool.submit(bring, packed))
        _finish(started, stop.set)
    task.finish()


def _bring(
    writer: BundleWriter, deliver: Deliver, blob: Blob, task: Task, stop: threading.Event
) -> None:
    """Bring one blob; where it goes on in the middle and turns out wrong, once more and whole."""
    if stop.is_set():
        raise _Stopped
    held = 0
    try:
        with writer.receive(blob) as sink:
            held = sink.taken
            task.settle(held)
            deliver(blob, _Stoppable(sink, stop), task)
    except RegistryMismatchError:
        if not held:
            raise
        with writer.receive(blob) as sink:
            deliver(blob, _Stoppable(sink, stop), SILENT.start(""))


@dataclass(frozen=True, slots=True)
class _Stoppable:
    """A sink that takes nothing more once another worker has failed."""

    sink: BlobSink
    stop: threading.Event

    @property
    def taken(self) -> int:
        return self.sink.taken

    @property
    def digest(self) -> str:
        return self.sink.digest

    def write(self, data: memoryview, /) -> None:
        if self.stop.is_set():
            raise _Stopped
        self.sink.write(data)


def _taken(blobs: SimpleQueue[Blob]) -> Iterator[Blob]:
    """Take from a queue that several threads share, until it is empty."""
    with suppress(Empty):
        while True:
            yield blobs.get_nowait()


def _finish(started: list[Future[None]], stop: Callable[[], None]) -> None:
    """Wait for all; at the first failure stop the others, then raise it."""
    try:
        done, _ = wait(started, return_when=FIRST_EXCEPTION)
        failed = [future.exception() for future in done if future.exception()]
    finally:
        stop()
    for error in failed:
        if error is not None and not isinstance(error, _Stopped):
            wait(started)
            raise error
