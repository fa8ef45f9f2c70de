"""airferry-installer inspect FILE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.media import VolumesOption, media


@app.command("inspect")
def inspect(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A bundle.")],
    volumes: VolumesOption = None,
    output: OutputOption = Format.text,
) -> None:
    """Judge a bundle by its header, and show what is in it; saves nothing.

    Reads the first few megabytes, whatever the size of the file. The verdict is that of `verify`
    and `load`, but nothing is remembered or journalled.
    """
    from airferry_installer import opening
    from airferry_installer.cli import release_view
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    with opening.open_judged(state, file, save=False, media=media(volumes, file, out)) as opened:
        release, verdict, absent = opened.release, opened.verdict, opened.reader.absent
        carried = opened.reader.carriage()
    release_view.show(out, release, verdict)
    for image in release.images:
        out.say(f"  image  {image.name}  {image.digest}  {' '.join(image.platforms)}")
    for chart in release.charts:
        out.say(f"  chart  {chart.name} {chart.version}  into namespace {chart.namespace}")
    if carried.kind == "delta":
        out.say(f"a delta: it carries {len(carried.blobs)} of {len(release.blobs)} blobs")
    if absent:
        out.say(f"volumes that are not at hand: {', '.join(map(str, absent))}")
    out.say("would be admitted here; the blobs were not read (`verify` does)")
    out.answer(
        {
            **release_view.content(release, verdict),
            "admitted": True,
            "kind": carried.kind,
            "blobs_carried": len(carried.blobs),
            "volumes_absent": absent,
        }
    )
