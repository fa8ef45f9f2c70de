"""airferry-bundler diff A B."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
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
    from airferry_bundler.compare import compare
    from airferry_bundler.inspect import read_release
    from airferry_foundation.console.live import size

    out = Output(output)
    found = compare(read_release(old), read_release(new))
    out.table(
        ("", "part", "name", "before", "after"),
        [(_SIGNS[c.action], c.part, c.name, c.before, c.after) for c in found.changes],
    )
    out.say(
        f"{found.blobs_added} blobs of {size(found.bytes_to_carry)} to carry, "
        f"{found.blobs_kept} of {size(found.bytes_kept)} are in both"
    )
    content = msgspec.to_builtins(found)
    for shown, change in zip(content["changes"], found.changes, strict=True):
        shown["action"] = change.action
    out.answer(content | {"same": found.same})
    if not found.same:
        raise typer.Exit(1)


_SIGNS = {"added": "+", "removed": "-", "changed": "~"}
