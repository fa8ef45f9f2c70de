"""airferry-installer doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder

_STYLES = {"ok": "green", "warning": "yellow", "failed": "red"}


@app.command("doctor")
def doctor(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A bundle: also check what it requires.")
    ] = None,
    environment: Annotated[
        str | None, typer.Option("-e", "--environment", help="Only this environment.")
    ] = None,
    output: OutputOption = Format.text,
) -> None:
    """Hold site.yaml against the real world: registry, programs, clock, cluster.

    Each line says what was tried and found, and what to do about it. Changes nothing. Exit code 1
    if a check failed; a warning is none.

        airferry-installer doctor /media/stick/shop-1.4.0.tar.zst -e production
    """
    from airferry_installer import doctor as doctors
    from airferry_installer.state import StateFolder

    out = Output(output)
    findings = doctors.examine(StateFolder.open(state_folder(context)), file, environment)
    for finding in findings:
        out.say(
            f"{finding.outcome:8} {finding.check}: {finding.found}", style=_STYLES[finding.outcome]
        )
        if finding.outcome != "ok":
            out.say(f"         tried: {finding.tried}")
            out.say(f"         next:  {finding.todo}")
    failed = [finding for finding in findings if finding.outcome == "failed"]
    out.say(f"{len(findings)} checks, {len(failed)} failed", style="bold")
    out.answer({"checks": doctors.as_content(findings), "failed": len(failed)})
    if failed:
        raise typer.Exit(1)
