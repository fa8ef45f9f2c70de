"""What long work tells whoever watches: a port, and the sink that says nothing.

The command lines hand in a live display (`console/live.py`); library users and tests hand in
nothing and get `SILENT`.
"""

from __future__ import annotations

from typing import Literal, Protocol

Unit = Literal["bytes", "items"]


class Task(Protocol):
    """One piece of long work. Safe to call from several threads."""

    def advance(self, amount: int) -> None:
        """More is done: bytes or items."""

    def settle(self, amount: int) -> None:
        """Count `amount` as done without having been done now (it was there already)."""

    def finish(self, outcome: str = "") -> None:
        """All is done; `outcome` is one line for people."""


class Progress(Protocol):
    """Receives what happens."""

    def start(self, title: str, total: int | None = None, unit: Unit = "bytes") -> Task:
        """Begin a task; `total` in its unit, None if unknown."""

    def note(self, text: str) -> None:
        """One line worth knowing."""


class _SilentTask:
    def advance(self, amount: int) -> None:
        pass

    def settle(self, amount: int) -> None:
        pass

    def finish(self, outcome: str = "") -> None:
        pass


class _Silent:
    def start(self, title: str, total: int | None = None, unit: Unit = "bytes") -> Task:
        del title, total, unit
        return _SilentTask()

    def note(self, text: str) -> None:
        pass


SILENT: Progress = _Silent()
