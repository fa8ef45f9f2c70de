"""airferry-bundler diff A B."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import app
from airferry_foundation.console.output import Format, Output, OutputOption


@app.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(help="A bundle, release.json or airferry.lock.")],
    new: Annotated[Path, typer.Argument(help="The one to compare it with.")],
    output: OutputOption = Format.text,
) -> None:
    """Show what changes from one release to another, and the bytes that a site lacks.

    Signers read this before they sign. Nothing is verified. Exit code 1 where they differ.

        airferry-bundler diff shop-1.3.0.tar.zst release.json
    """
    from airferry_bundler.cli import difference_view
    from airferry_bundler.compare import compare
    from airferry_bundler.inspect import read_release

    out = Output(output)
    found = compare(read_release(old), read_release(new))
    difference_view.show(out, found)
    out.answer(difference_view.content(found))
    if not found.same:
        raise typer.Exit(1)
