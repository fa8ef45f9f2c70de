"""Reads a file from its medium and not from memory: what a stick really holds.

After a write the page cache answers, whatever the stick did. So the file's pages are dropped
(posix_fadvise), and where the file system allows it the cache is passed by (O_DIRECT).
"""

from __future__ import annotations

import hashlib
import mmap
import os
from contextlib import suppress
from pathlib import Path

from airferry_foundation.errors import MediaError
from airferry_foundation.files import media_errors
from airferry_foundation.progress import SILENT, Task

_STEP = 1 << 20


def expect_on_medium(path: Path, digest: str, *, task: Task | None = None) -> None:
    """MediaError unless the medium gives back the bytes with this digest; `task` counts them."""
    found = digest_on_medium(path, task=task)
    if found != digest:
        raise MediaError(
            f"{path} was written, but its medium gives other bytes back: expected {digest}, "
            f"found {found}",
            "The medium is damaged or is smaller than it says. Take another one.",
        )


def digest_on_medium(path: Path, *, task: Task | None = None) -> str:
    """The digest of a file's bytes as they are on the medium."""
    told = task or SILENT.start("")
    hasher = hashlib.sha256()
    with media_errors(path):
        handle = _open(path)
        try:
            with mmap.mmap(-1, _STEP) as buffer:  # a page-aligned buffer, as O_DIRECT wants it
                view = memoryview(buffer)
                try:
                    offset = 0
                    while count := os.preadv(handle, [view], offset):
                        hasher.update(view[:count])
                        offset += count
                        told.advance(count)
                finally:
                    view.release()
        finally:
            os.close(handle)
    return "sha256:" + hasher.hexdigest()


def _open(path: Path) -> int:
    """Open for reading with nothing of the file in the page cache."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    with suppress(OSError):  # tmpfs and some others know no O_DIRECT
        direct = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECT)
        try:
            with mmap.mmap(-1, mmap.PAGESIZE) as page:
                os.preadv(direct, [page], 0)
        except OSError:
            os.close(direct)
            raise
        os.close(handle)
        return direct
    return handle
