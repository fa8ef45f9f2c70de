"""Where a command's words go: text for people, JSON for scripts.

JSON is one object per line: events while long work runs, and one answer at the end. Text goes
through rich on a terminal; piped text has no escape codes; NO_COLOR is honoured. All text that came
from a file or a server is escaped: control characters never reach the terminal.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from airferry_foundation.console.events import EventProgress
from airferry_foundation.console.live import LiveProgress

if TYPE_CHECKING:
    from rich.console import Console

    from airferry_foundation.errors import AirferryError
    from airferry_foundation.progress import Progress

_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


_PIPED_WIDTH = 240
"""Columns where no terminal says: tables in a log or a mail are not cut."""


class Format(StrEnum):
    """How a command answers."""

    text = "text"
    json = "json"


OutputOption = Annotated[
    Format,
    typer.Option("--output", help="text for people, json for scripts (one object per line)."),
]


def printable(text: str) -> str:
    """Text that can't drive a terminal: control and bidirectional characters become escapes."""
    return _UNPRINTABLE.sub(lambda m: f"\\u{ord(m.group()):04x}", text)


class Output:
    """One command's way out: `say` and `table` for people, `answer` for both."""

    def __init__(self, form: Format = Format.text) -> None:
        self.form = form

    @property
    def is_json(self) -> bool:
        """Whether scripts read this."""
        return self.form is Format.json

    @cached_property
    def console(self) -> Console:
        """rich, on stdout; made when first used."""
        from rich.console import Console

        width = None if sys.stdout.isatty() else _PIPED_WIDTH
        return Console(highlight=False, soft_wrap=True, emoji=False, width=width)

    @cached_property
    def progress(self) -> Progress:
        """The display for long work: events in JSON, live bars on a terminal, lines elsewhere."""
        return EventProgress() if self.is_json else LiveProgress()

    def paused(self) -> AbstractContextManager[None]:
        """Keep progress off the terminal, while somebody is asked something."""
        return self.progress.paused() if isinstance(self.progress, LiveProgress) else nullcontext()

    def say(self, text: str = "", *, style: str | None = None) -> None:
        """A line for people; scripts don't get it."""
        if self.is_json:
            return
        if sys.stdout.isatty():
            self.console.print(printable(text), markup=False, style=style)
        else:  # without rich, which is slow to import
            sys.stdout.write(printable(text) + "\n")

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table for people; scripts don't get it."""
        if self.is_json:
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(*headings, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text(printable(str(cell))) for cell in row))
        self.console.print(table)

    def answer(self, content: Any) -> None:
        """The answer for scripts: one JSON object on one line; people don't get it."""
        if self.is_json:
            _write_json(content)

    def fail(self, error: AirferryError) -> None:
        """An error, on stderr: message and what to do next."""
        if self.is_json:
            content = {
                "error": type(error).__name__.removesuffix("Error"),
                "exit_code": error.exit_code,
                "message": error.message,
                "hint": error.hint,
            }
            _write_json(content, sys.stderr)
            return
        sys.stderr.write(f"error: {printable(error.message)}\n")
        if error.hint:
            sys.stderr.write(f"  next: {printable(error.hint)}\n")


def _write_json(content: Any, to: TextIO | None = None) -> None:
    import msgspec

    stream = to or sys.stdout
    stream.write(msgspec.json.encode(content, order="sorted").decode() + "\n")
    stream.flush()
