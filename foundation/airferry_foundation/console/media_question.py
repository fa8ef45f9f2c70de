"""Asks a person at a terminal for the next medium."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import typer

from airferry_foundation.console.output import printable


def folder_question() -> Callable[[str, str], Path | None] | None:
    """A question for the folder of a file that is wanted; None where nobody is at a terminal.

    It is given the file's name and what was wrong with the last answer. The last folder is offered
    again: one reader takes one stick after another.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    last: list[Path] = []

    def ask(name: str, why: str) -> Path | None:
        if why:
            typer.echo(printable(why), err=True)
        offered = f" [{last[-1]}]" if last else ""
        given = typer.prompt(
            f"Put in the medium with {printable(name)}, then give its folder{offered}",
            default=str(last[-1]) if last else ".",
            show_default=False,
            err=True,
        )
        last.append(Path(given).expanduser())
        return last[-1]

    return ask
