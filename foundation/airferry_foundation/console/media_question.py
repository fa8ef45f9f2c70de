"""Asks a person at a terminal for the next medium."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

import typer

from airferry_foundation.console.output import printable


def folder_question(
    first: Path = Path(), paused: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Callable[[str, str], Path | None] | None:
    """A question for the folder of a file that is wanted; None where nobody is at a terminal.

    It is given the file's name and what was wrong with the last answer. The last folder that was
    there, at first that of `first`, is offered again: one reader takes one stick after another.
    `paused` keeps the progress off the terminal meanwhile.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    offered = [_folder(first)]

    def ask(name: str, why: str) -> Path | None:
        with paused():
            if why:
                typer.echo(printable(why), err=True)
            given = typer.prompt(
                f"Put in the medium with {printable(name)}, then give its folder "
                f"[{printable(str(offered[-1]))}]",
                default=str(offered[-1]),
                show_default=False,
                err=True,
            )
        path = _expanded(given)
        with suppress(OSError):  # the reader tells what is wrong with it
            if path.exists():
                offered.append(_folder(path))
        return path

    return ask


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _expanded(given: str) -> Path:
    """The path that was typed; `~name` stays where nobody has that name."""
    try:
        return Path(given.strip()).expanduser()
    except RuntimeError:
        return Path(given)
