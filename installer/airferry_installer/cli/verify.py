"""airferry-installer verify FILE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.media import VolumesOption, media


@app.command("verify")
def verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A bundle.")],
    volumes: VolumesOption = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Check one volume of a set, without the others.")
    ] = False,
    output: OutputOption = Format.text,
) -> None:
    """Check a bundle: signatures, admission, and every byte of the file.

    Reads the file once, on every core. What the header teaches (new roots, a newer channel
    statement) is remembered, also when the release is refused; the outcome is journalled.
    """
    from airferry_foundation.console.live import size
    from airferry_installer import verification
    from airferry_installer.cli import release_view
    from airferry_installer.state import StateFolder

    out = Output(output)
    if alone:
        _alone(out, file)
        return
    state = StateFolder.open(state_folder(context))
    found = verification.verify(state, file, media=media(volumes, file, out), progress=out.progress)
    release_view.show(out, found.release, found.verdict)
    counts = found.counts
    out.say(
        f"verified: {counts.blobs} blobs, {size(counts.blob_bytes)}; all of the file's "
        f"{counts.file_bytes} bytes are accounted for",
        style="green",
    )
    out.answer(
        {
            **release_view.content(found.release, found.verdict),
            "verified": True,
            "blobs_read": counts.blobs,
            "file_bytes": counts.file_bytes,
        }
    )


def _alone(out: Output, file: Path) -> None:
    """One volume: every byte of it, but nothing about who signed."""
    from airferry_archive import volume_check

    volume = volume_check.check(file)
    out.say(
        f"volume {volume.index} of {volume.count} holds: {len(volume.blobs)} whole blobs, "
        f"{len(volume.parts)} parts; whose release it is, all volumes together tell",
        style="green",
    )
    out.answer(
        {
            "set": volume.set,
            "index": volume.index,
            "count": volume.count,
            "blobs": len(volume.blobs),
            "parts": len(volume.parts),
            "whole": True,
        }
    )
