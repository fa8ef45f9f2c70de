"""airferry-bundler build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import SpecOption, app
from airferry_foundation.console.output import Format, Output, OutputOption


@app.command("build")
def build(
    out: Annotated[
        Path,
        typer.Option("-o", "--out", help="OUT.tar.zst, or a folder for <product>-<version>."),
    ],
    *,
    spec: SpecOption = Path("airferry.yaml"),
    keys: Annotated[
        Path | None,
        typer.Option(help="Write release.json and sign it too, with the release keys in here."),
    ] = None,
    without: Annotated[
        list[Path] | None,
        typer.Option(
            help="Leave out what the customer has: a receipt, an older release.json, lock or "
            "bundle (repeatable)."
        ),
    ] = None,
    only: Annotated[
        Path | None, typer.Option(help="Carry just what a need.json of the customer's lists.")
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            help="Take what is in here before asking a registry: an earlier bundle, an OCI layout, "
            "a tar of docker save, or a folder of such and of blobs (repeatable).",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Downloads at once.")] = 4,
    output: OutputOption = Format.text,
) -> None:
    """Put the signed release and its blobs together into one file.

    Refuses unless the newest root's release threshold is met. Blobs are hashed while they are
    downloaded, straight into OUT.tar.zst.partial; called again after an interruption it goes on.

        airferry-bundler build -o shop-1.4.0.tar.zst
        COSIGN_PASSWORD=… airferry-bundler build --keys keys -o /media/stick
        airferry-bundler build --without receipt.json -o /media/stick

    A delta is the same signed release in a smaller file: no key is needed to make one.
    """
    from airferry_bundler import bases, spec_file
    from airferry_bundler import build as building
    from airferry_bundler.cli.passphrase import passphrase
    from airferry_foundation.console.live import size

    out_put = Output(output)
    read = spec_file.read(spec)
    if keys is not None:
        building.release_and_sign(read, keys, passphrase)
    made = building.build(
        read,
        out,
        selection=bases.read_selection(without or (), only, note=out_put.progress.note),
        sources=source or (),
        progress=out_put.progress,
        workers=workers,
    )
    release = made.release
    out_put.say(f"{made.path}  {size(made.size)}", style="bold")
    out_put.say(f"{release.product} {release.version}, release.json {made.digest}")
    out_put.say(
        f"{len(made.carried)} of {len(release.blobs)} blobs, {size(made.blob_bytes)} of them"
        if made.is_delta
        else f"{len(release.blobs)} blobs of {size(made.blob_bytes)}"
    )
    for signer in made.signers:
        out_put.say(f"signed by {signer}")
    out_put.answer(
        {
            "bundle": str(made.path),
            "size": made.size,
            "product": release.product,
            "version": release.version,
            "release": made.digest,
            "kind": "delta" if made.is_delta else "full",
            "blobs": len(release.blobs),
            "blobs_carried": len(made.carried),
            "blob_bytes": made.blob_bytes,
            "signers": made.signers,
        }
    )
