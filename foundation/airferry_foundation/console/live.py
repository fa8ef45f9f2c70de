"""Progress for people: one live line a task on a terminal, one plain line a task elsewhere.

Goes to stderr, so that a command's answer can be piped. Never goes backwards: a retry that does
bytes again is not counted again, since callers advance only by what is new.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airferry_foundation import clock
from airferry_foundation.progress import Task, Unit

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


def size(count: float) -> str:
    """Bytes for people: `12.3 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


_shown: list[RichProgress] = []
"""The display that has the terminal now: one at most, since a process has one command."""


def clear() -> None:
    """Give the terminal back, whatever still runs: for the words with which a command ends."""
    while _shown:
        _shown.pop().stop()


class LiveProgress:
    """Bars with bytes, rate and time left on a terminal; one line at a task's end elsewhere."""

    def __init__(self) -> None:
        self._display: RichProgress | None = None
        self._running = 0
        self._lock = threading.Lock()

    def start(self, title: str, total: int | None = None, unit: Unit = "bytes") -> Task:
        """Begin a task."""
        if not sys.stderr.isatty():
            return _PlainTask(title, unit)
        with self._lock:
            if self._display is None:
                self._display = _display()
                self._display.start()
                _shown.append(self._display)
            self._running += 1
            return _LiveTask(self, self._display, self._display.add_task(title, total=total))

    def note(self, text: str) -> None:
        """One line worth knowing."""
        if self._display is not None:
            self._display.console.print(text, markup=False, highlight=False)
        else:
            sys.stderr.write(text + "\n")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep the bars off the terminal, while somebody is asked something."""
        display = self._display
        if display is not None:
            display.stop()
        try:
            yield
        finally:
            if display is not None:
                display.start()

    def ended(self) -> None:
        """A task is done; when it was the last, give the terminal back."""
        with self._lock:
            self._running -= 1
            if self._running == 0 and self._display is not None:
                clear()
                self._display = None


def _display() -> RichProgress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(),
        TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True,
    )  # fmt: skip


class _LiveTask:
    def __init__(self, owner: LiveProgress, display: RichProgress, number: TaskID) -> None:
        self._owner, self._display, self._number = owner, display, number

    def advance(self, amount: int) -> None:
        self._display.advance(self._number, amount)

    def settle(self, amount: int) -> None:
        self.advance(amount)

    def finish(self, outcome: str = "") -> None:
        if outcome:
            self._display.console.print(outcome, markup=False, highlight=False)
        self._display.remove_task(self._number)
        self._owner.ended()


class _PlainTask:
    def __init__(self, title: str, unit: Unit) -> None:
        self._title, self._unit = title, unit
        self._done = 0
        self._begun = clock.monotonic()
        self._lock = threading.Lock()

    def advance(self, amount: int) -> None:
        with self._lock:
            self._done += amount

    def settle(self, amount: int) -> None:
        self.advance(amount)

    def finish(self, outcome: str = "") -> None:
        seconds = clock.monotonic() - self._begun
        done = size(self._done) if self._unit == "bytes" else str(self._done)
        sys.stderr.write(f"{self._title}: {outcome or done} ({seconds:.1f} s)\n")
