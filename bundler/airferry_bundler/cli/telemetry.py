"""airferry-bundler telemetry: import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import app
from airferry_foundation.console.commands import application
from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_foundation.errors import AirferryError

telemetry = application("telemetry", "Take telemetry in that customers let go.")
app.add_typer(telemetry, name="telemetry")


@telemetry.command("import")
def import_(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE…", help="telemetry-….tar.age")],
    store: Annotated[Path, typer.Option("--store", help="The folder of all customers' data.")],
    identity: Annotated[
        Path, typer.Option("--identity", help="The age identity that the files are sealed to.")
    ] = Path("keys/telemetry.age"),
    region: Annotated[
        str | None,
        typer.Option(help="The region that this intake is in [default: that of the store]"),
    ] = None,
    *,
    remove: Annotated[
        bool, typer.Option("--remove", help="Delete each file once it is stored.")
    ] = False,
    output: OutputOption = Format.text,
) -> None:
    """Open, check and store telemetry files, each customer's apart from all others'.

    Each file is accepted, a duplicate, accepted with a gap before it, or quarantined (unknown
    instance, contradiction). A file that is forged, damaged or for another region is refused and
    leaves nothing behind. A store holds data of one region: the first file fixes it, if --region
    did not say which it must be. Exit code 1 when something was quarantined.

        airferry-bundler telemetry import /media/stick/*.age --store fleet
    """
    from airferry_bundler.fleet.store import Store
    from airferry_bundler.intake.importing import Intake, take
    from airferry_signing import sealing

    out = Output(output)
    intake = Intake(Store(store), sealing.read_identity(identity), region)
    refused: list[AirferryError] = []
    quarantined = False
    for path in paths:
        try:
            done = take(path, intake, remove=remove)
        except AirferryError as error:
            refused.append(error)
            out.say(f"{path}: refused: {error.message}")
            out.answer({"file": str(path), "state": "refused", "reason": error.message})
            continue
        manifest = done.package.manifest
        quarantined = quarantined or done.state == "quarantined"
        reason = f": {done.reason}" if done.reason else ""
        out.say(
            f"{path}: {done.state}{reason} "
            f"({manifest.customer}, {manifest.environment}, number {manifest.seq})"
        )
        out.answer(
            {
                "file": str(path),
                "state": done.state,
                "reason": done.reason,
                "customer": manifest.customer,
                "environment": manifest.environment,
                "seq": manifest.seq,
                "export": done.package.digest,
            }
        )
    if refused:
        raise refused[0]
    if quarantined:
        raise typer.Exit(1)
