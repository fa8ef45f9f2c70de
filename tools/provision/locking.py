"""A lock between processes: two runs never build the same thing. It ends with its holder."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from provision.pins import cache_folder
from provision.running import Progress


@contextmanager
def locked(name: str, progress: Progress) -> Iterator[None]:
    """Hold the lock `name` of the cache; wait, and say so, while another process holds it."""
    path = cache_folder() / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        while not _taken(file.fileno()):
            progress.tell(f"{name}: waiting for the other run that builds it")
            time.sleep(0.3)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
