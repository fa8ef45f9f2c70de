"""Several pieces of work at once, as one: the first failure stops the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed


def run_all(jobs: Iterable[Callable[[], None]], workers: int, stop: threading.Event) -> None:
    """Run every job, `workers` at once; the first failure (or Ctrl-C) is raised.

    `stop` is set then: jobs that run should look at it and end; jobs that wait are dropped.
    """
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(job) for job in jobs]
        try:
            for done in as_completed(running):
                done.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
