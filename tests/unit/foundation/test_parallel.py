from __future__ import annotations

import threading

import pytest

from airferry_foundation.errors import MediaFullError
from airferry_foundation.parallel import run_all


def test_every_job_runs() -> None:
    done: list[int] = []
    run_all((lambda n=n: done.append(n) for n in range(20)), 4, threading.Event())
    assert sorted(done) == list(range(20))


def test_the_first_failure_stops_the_others() -> None:
    stop = threading.Event()
    begun: list[int] = []

    def waits() -> None:
        begun.append(1)
        assert stop.wait(10)

    def fails() -> None:
        raise MediaFullError("full")

    with pytest.raises(MediaFullError):
        run_all([waits, fails, *[waits] * 50], 2, stop)
    assert stop.is_set()
    assert len(begun) < 50


def test_no_jobs_are_no_work() -> None:
    run_all([], 1, threading.Event())
