"""airferry-bundler init DIR."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import app
from airferry_foundation.console.output import Format, Output, OutputOption


@app.command("init")
def init(
    folder: Annotated[Path, typer.Argument(help="The product's folder; made if it is missing.")],
    output: OutputOption = Format.text,
) -> None:
    """Write a first, commented airferry.yaml.

    Charts under charts/ and a folder manifests/ are taken in. Edit it, then lock:

        airferry-bundler init .  &&  airferry-bundler lock
    """
    from airferry_bundler import starter

    out = Output(output)
    path = starter.write(folder)
    out.say(f"wrote {path}")
    out.say("next: read it, then airferry-bundler lock")
    out.answer({"wrote": str(path)})
