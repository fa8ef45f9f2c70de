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
    state = StateFolder.open(state_folder(context))
    found = verification.verify(state, file, media=media(volumes), progress=out.progress)
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
