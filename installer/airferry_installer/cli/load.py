"""airferry-installer load FILE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.media import VolumesOption, media


@app.command("load")
def load(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A bundle.")],
    *,
    environment: Annotated[
        str | None,
        typer.Option("-e", "--environment", help="Load into this environment's own registry."),
    ] = None,
    deep: Annotated[
        bool,
        typer.Option(help="Afterwards read all of it back from the registry, and hash it."),
    ] = False,
    need: Annotated[
        Path | None,
        typer.Option(
            "-o", help="Where need.json goes if something is lacking [default: the state folder]."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Uploads at once.")] = 4,
    volumes: VolumesOption = None,
    output: OutputOption = Format.text,
) -> None:
    """Carry a bundle's images and artifacts into the local registry.

    Straight from the file, several blobs at once, each hashed while it is sent. What the registry
    has is not sent again, so the same command goes on after an interruption. No tag that exists is
    moved: loading changes nothing that runs. What a delta left out is asked of the registry; if it
    lacks some of that, nothing is tagged, and need.json lists it for the vendor.

        airferry-installer load /media/stick/shop-1.4.0.tar.zst
    """
    import msgspec

    from airferry_foundation.console.live import size
    from airferry_installer import load as loading
    from airferry_installer import standing
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    wish = loading.Wish(
        environment=environment,
        need_to=need,
        deep=deep,
        workers=workers,
        media=media(volumes, file, out),
    )
    report = loading.load_bundle(state, file, wish, progress=out.progress)
    out.say(f"{report.product} {report.version} is in {report.registry}", style="bold")
    if report.nothing_sent:
        out.say(f"all of it was there already ({report.present} blobs): nothing was sent")
    else:
        out.say(
            f"{report.sent} blobs sent ({size(report.bytes_sent)}), {report.mounted} mounted, "
            f"{report.present} were there; {report.manifests} manifests stored"
        )
    if report.fetched is not None:
        out.say(
            f"read back: {report.fetched.blobs} blobs, {size(report.fetched.bytes)}; all as sent",
            style="green",
        )
    for line in report.referrers.lines():
        out.say(line, style="yellow")
    for name, here in report.images.items():
        out.say(f"  {name}")
        out.say(f"    {here}")
    stands = standing.known(state, report.product)
    for line in stands.lines():
        out.say(line)
    out.answer(
        {
            **msgspec.to_builtins(report),
            "nothing_sent": report.nothing_sent,
            "channel": stands.content(),
        }
    )
