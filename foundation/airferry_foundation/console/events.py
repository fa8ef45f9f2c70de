"""Progress as JSON lines on stdout, for scripts: at most about one a second for each task."""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from airferry_foundation import clock
from airferry_foundation.progress import Task, Unit

_SECONDS_BETWEEN = 1.0


def _emit(**content: Any) -> None:
    sys.stdout.write(json.dumps(content, sort_keys=True) + "\n")
    sys.stdout.flush()


class EventProgress:
    """Each task emits `{"event": "progress", …}` lines and one with `"finished": true`."""

    def start(self, title: str, total: int | None = None, unit: Unit = "bytes") -> Task:
        """Begin a task."""
        return _EventTask(title, total, unit)

    def note(self, text: str) -> None:
        """One line worth knowing."""
        _emit(event="note", text=text)


class _EventTask:
    def __init__(self, title: str, total: int | None, unit: Unit) -> None:
        self._title, self._total, self._unit = title, total, unit
        self._done = 0
        self._last = clock.monotonic()
        self._lock = threading.Lock()

    def advance(self, amount: int) -> None:
        with self._lock:
            self._done += amount
            if clock.monotonic() - self._last >= _SECONDS_BETWEEN:
                self._last = clock.monotonic()
                self._emit(finished=False)

    def settle(self, amount: int) -> None:
        self.advance(amount)

    def finish(self, outcome: str = "") -> None:
        with self._lock:
            self._emit(finished=True, outcome=outcome)

    def _emit(self, **more: Any) -> None:
        _emit(
            event="progress", task=self._title, done=self._done, total=self._total,
            unit=self._unit, **more,
        )  # fmt: skip
