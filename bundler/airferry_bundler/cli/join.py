"""airferry-bundler join VOLUME."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import app
from airferry_foundation.console.output import Format, Output, OutputOption


@app.command("join")
def join(
    first: Annotated[Path, typer.Argument(help="A volume, or the folder with the first one.")],
    to_file: Annotated[Path, typer.Option("-o", "--out", help="The bundle.")],
    volumes: Annotated[
        list[Path] | None, typer.Option(help="Another folder with volumes (repeatable).")
    ] = None,
    output: OutputOption = Format.text,
) -> None:
    """Put volumes together into the bundle that they were cut from.

    Every byte of the result is verified against its release before it gets its name; whose release
    it is, the customer's installer judges. Loading does not need this: it takes volumes.

        airferry-bundler join /media/stick -o shop-1.4.0.tar.zst
    """
    from airferry_archive import splitting
    from airferry_archive.volume_set import Media
    from airferry_foundation.console.live import size as bytes_of
    from airferry_foundation.console.media_question import folder_question

    out = Output(output)
    media = Media(tuple(volumes or ()), folder_question(first, out.paused))
    size, count = splitting.join(first, to_file, media=media, progress=out.progress)
    out.say(f"{to_file}  {bytes_of(size)}, from {count} volumes", style="bold")
    out.answer({"bundle": str(to_file), "size": size, "volumes": count})
