"""airferry-bundler split FILE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import app
from airferry_foundation.console.output import Format, Output, OutputOption


@app.command("split")
def split(
    file: Annotated[Path, typer.Argument(help="A bundle.")],
    size: Annotated[
        str, typer.Option(help="Bytes of a volume at most: fat32, dvd, 4GiB or a number.")
    ],
    to: Annotated[
        Path, typer.Option(help="The folder of a medium [default: this folder].")
    ] = Path(),
    only: Annotated[
        list[int] | None, typer.Option(help="Just the volume with this number (repeatable).")
    ] = None,
    output: OutputOption = Format.text,
) -> None:
    """Cut a bundle into volumes for media that are too small for it.

    Each volume is read back from its medium and compared. Volumes that are there already are left,
    so the same command goes on after an interruption; one that got lost is made again with --only.
    The installer takes volumes as they are, and `cat NAME.* | tar --zstd -x` opens them.

        airferry-bundler split shop-1.4.0.tar.zst --size fat32 --to /media/stick
    """
    from airferry_archive import splitting, volumes
    from airferry_foundation.console.live import size as bytes_of

    out = Output(output)
    limit = volumes.read_size(size)
    written = splitting.split(file, to, limit, only=only or (), progress=out.progress)
    for one in written:
        state = "was there, and holds" if one.was_there else "written and read back"
        out.say(f"{one.path}  {bytes_of(one.size)}  {state}")
    count = written[0].volume.count
    out.say(f"{len(written)} of {count} volumes", style="bold")
    out.answer(
        {
            "set": written[0].volume.set,
            "count": count,
            "volumes": [
                {
                    "path": str(one.path),
                    "size": one.size,
                    "index": one.volume.index,
                    "was_there": one.was_there,
                }
                for one in written
            ],
        }
    )
