"""Bytes that are delivered to a taker, as an iterable instead: for whoever sends them on.

A thread delivers; each chunk is handed over and waited for, so that nothing is copied and never
more than one chunk is in memory.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue

from airferry_archive.filling import Deliver, Taker
from airferry_archive.release import Blob
from airferry_foundation.progress import SILENT


class _Closed(Exception):  # noqa: N818 - nothing is wrong: nobody reads any more
    """The reader went away."""


@dataclass(frozen=True, slots=True)
class Outflow:
    """A blob of a release; each iteration delivers it anew. A chunk is good until the next."""

    deliver: Deliver
    blob: Blob

    def __iter__(self) -> Iterator[memoryview]:
        """Its chunks, then whatever error ended them."""
        handed: SimpleQueue[memoryview | None] = SimpleQueue()
        taker = _Handing(handed.put)
        failed: list[BaseException] = []

        def run() -> None:
            try:
                self.deliver(self.blob, taker, SILENT.start(""))
            except _Closed:
                pass
            except BaseException as error:  # noqa: BLE001 - raised again by the other thread
                failed.append(error)
            finally:
                handed.put(None)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            while (chunk := handed.get()) is not None:
                yield chunk
                taker.go_on()
        finally:
            taker.close()
            thread.join()
        if failed:
            raise failed[0]


class _Handing(Taker):
    """Hands chunks over, and waits until each has been used."""

    def __init__(self, put: Callable[[memoryview], None]) -> None:
        self._put = put
        self._hasher = hashlib.sha256()
        self._taken = 0
        self._used = threading.Semaphore(0)
        self._closed = False

    @property
    def taken(self) -> int:
        return self._taken

    @property
    def digest(self) -> str:
        return "sha256:" + self._hasher.hexdigest()

    def write(self, data: memoryview, /) -> None:
        if not data:
            return
        self._hasher.update(data)
        self._taken += len(data)
        self._put(data)
        self._used.acquire()
        if self._closed:
            raise _Closed

    def go_on(self) -> None:
        self._used.release()

    def close(self) -> None:
        self._closed = True
        self._used.release()
