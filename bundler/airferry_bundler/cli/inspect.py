"""airferry-bundler inspect FILE."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import app
from airferry_foundation.console.output import Format, Output, OutputOption


@app.command("inspect")
def inspect(
    file: Annotated[Path, typer.Argument(help="A bundle.")],
    output: OutputOption = Format.text,
) -> None:
    """Show what a bundle's header says, and who signed it.

    Reads the header alone. Signatures are judged by the roots that the bundle itself carries: that
    shows that it is complete and consistent, not that it is yours. A customer's installer judges by
    the root that was pinned there.
    """
    from airferry_bundler import inspect as inspecting
    from airferry_foundation.console.live import size

    out = Output(output)
    seen = inspecting.inspect(file)
    for name, value in seen.facts:
        out.say(f"{name:12} {value}")
    out.table(
        ("image", "digest", "platforms", "size"),
        [(i.name, i.digest, " ".join(i.platforms), size(i.size)) for i in seen.images],
    )
    for signer in seen.signers:
        out.say(f"signed by {signer} (release key of root {seen.root})")
    out.say(f"self-consistent: {seen.verdict}", style="bold")
    out.answer(seen.content())
    if seen.refusal:
        raise typer.Exit(1)
