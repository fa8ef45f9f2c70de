"""Where volumes are: the option that names folders, and the question for the next one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from airferry_archive.volume_set import Ask, Media

VolumesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--volumes",
        help="Another folder with volumes of the set (repeatable). At a terminal, volumes that "
        "are nowhere are asked for.",
    ),
]


def media(folders: list[Path] | None) -> Media:
    """Where volumes may be; only a person at a terminal is asked."""
    asked = sys.stdin.isatty() and sys.stderr.isatty()
    return Media(tuple(folders or ()), _ask() if asked else None)


def _ask() -> Ask:
    last: list[Path] = []

    def ask(name: str, why: str) -> Path | None:
        if why:
            typer.echo(why, err=True)
        typer.echo(f"Put in the medium with {name}.", err=True)
        shown = f"Its folder [{last[-1]}]" if last else "Its folder"
        given = typer.prompt(
            shown, default=str(last[-1]) if last else ".", show_default=False, err=True
        )
        last.append(Path(given).expanduser())
        return last[-1]

    return ask
