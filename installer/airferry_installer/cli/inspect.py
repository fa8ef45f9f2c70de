"""airferry-installer inspect FILE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder


@app.command("inspect")
def inspect(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A bundle.")],
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
    with opening.open_judged(StateFolder.open(state_folder(context)), file, save=False) as opened:
        release, verdict = opened.release, opened.verdict
    release_view.show(out, release, verdict)
    for image in release.images:
        out.say(f"  image  {image.name}  {image.digest}  {' '.join(image.platforms)}")
    for chart in release.charts:
        out.say(f"  chart  {chart.name} {chart.version}  into namespace {chart.namespace}")
    out.say("would be admitted here; the blobs were not read (`verify` does)")
    out.answer({**release_view.content(release, verdict), "admitted": True})
