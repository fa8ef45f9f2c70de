"""airferry-installer load FILE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder


@app.command("load")
def load(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A bundle.")],
    environment: Annotated[
        str | None,
        typer.Option("-e", "--environment", help="Load into this environment's own registry."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Uploads at once.")] = 4,
    output: OutputOption = Format.text,
) -> None:
    """Carry a bundle's images and artifacts into the local registry.

    Straight from the file, several blobs at once, each hashed while it is sent. What the registry
    has is not sent again, so the same command goes on after an interruption. No tag that exists is
    moved: loading changes nothing that runs.

        airferry-installer load /media/stick/shop-1.4.0.tar.zst
    """
    import msgspec

    from airferry_foundation.console.live import size
    from airferry_installer import load as loading
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    report = loading.load_bundle(
        state, file, environment=environment, workers=workers, progress=out.progress
    )
    out.say(f"{report.product} {report.version} is in {report.registry}", style="bold")
    if report.nothing_sent:
        out.say(f"all of it was there already ({report.present} blobs): nothing was sent")
    else:
        out.say(
            f"{report.sent} blobs sent ({size(report.bytes_sent)}), {report.mounted} mounted, "
            f"{report.present} were there; {report.manifests} manifests stored"
        )
    out.table(["image", "here"], list(report.images.items()))
    out.answer({**msgspec.to_builtins(report), "nothing_sent": report.nothing_sent})
