"""Where volumes are: the option that names folders, and the question for the next one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from airferry_archive.volume_set import Media
    from airferry_foundation.console.output import Output

VolumesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--volumes",
        help="Another folder with volumes of the set (repeatable). At a terminal, a volume that "
        "is nowhere is asked for.",
    ),
]


def media(folders: list[Path] | None, file: Path, out: Output) -> Media:
    """Where volumes of `file` may be; only a person at a terminal is asked."""
    from airferry_archive.volume_set import Media
    from airferry_foundation.console.media_question import folder_question

    return Media(tuple(folders or ()), folder_question(file, out.paused))
