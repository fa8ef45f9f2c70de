"""airferry-installer receipt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder


@app.command("receipt")
def receipt(
    context: typer.Context,
    to_file: Annotated[Path, typer.Option("-o", "--out", help="Where the receipt goes.")],
    environment: Annotated[
        str | None, typer.Option("-e", "--environment", help="About this one's own registry.")
    ] = None,
    output: OutputOption = Format.text,
) -> None:
    """Write down what the registry holds, so that the vendor can send less.

    Digests and loaded releases, no host names; signed by this installer's own key in FILE.sig.
    The vendor makes a delta from it:

        airferry-installer receipt -o receipt.json
        airferry-bundler build --without receipt.json -o /media/stick
    """
    import msgspec

    from airferry_installer import receipts
    from airferry_installer.state import StateFolder

    out = Output(output)
    written = receipts.write(
        StateFolder.open(state_folder(context)), to_file, environment=environment
    )
    for one in written.receipt.releases:
        out.say(f"  {one.product} {one.version}  {one.release}")
    out.say(f"{len(written.receipt.blobs)} blobs are in the registry")
    out.say(f"wrote {written.path} and {written.signature}, signed by {written.signer}")
    out.answer(
        {
            "receipt": str(written.path),
            "signature": str(written.signature),
            "signer": written.signer,
            "releases": msgspec.to_builtins(written.receipt.releases),
            "blobs": len(written.receipt.blobs),
        }
    )
