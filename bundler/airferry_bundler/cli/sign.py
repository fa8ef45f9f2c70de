"""airferry-bundler sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import app
from airferry_foundation.console.output import Format, Output, OutputOption


@app.command("sign")
def sign(
    file: Annotated[
        Path,
        typer.Argument(help="release.json, roots/<n>.json, channel.json or entitlement.json."),
    ],
    key: Annotated[
        list[str],
        typer.Option("--key", help="A .key file, or a PKCS#11 or KMS reference; may be repeated."),
    ],
    against: Annotated[
        Path | None,
        typer.Option(help="The release before (bundle, release.json or lock): show what changes."),
    ] = None,
    output: OutputOption = Format.text,
) -> None:
    """Show what a small document says, and sign it with cosign.

    The signature is written beside it as FILE.<n>.sigstore.json. Each holder of a key signs on a
    machine of their own: only this small file has to travel. The passphrase comes from
    COSIGN_PASSWORD or is asked for.

        airferry-bundler sign release.json --against shop-1.3.0.tar.zst --key release-1.key
    """
    from airferry_bundler import signatures
    from airferry_bundler.cli import difference_view
    from airferry_bundler.cli.passphrase import passphrase_for
    from airferry_bundler.compare import compare
    from airferry_bundler.inspect import read_release
    from airferry_signing import cosign

    out = Output(output)
    program = cosign.find()
    subject = signatures.subject(file)
    out.say(f"{subject.kind} {file}", style="bold")
    for name, value in (("digest", subject.digest), *subject.facts):
        out.say(f"  {name:10} {value}")
    if against is not None:
        difference_view.show(out, compare(read_release(against), read_release(file)))
    for one in key:
        signed = signatures.sign_beside(file, one, passphrase_for(one), program, shown=subject)
        out.say(f"signed by {signed.key_id}")
        out.say(f"  -> {signed.path} ({signed.signatures} beside the document now)")
        out.answer(
            {
                "document": str(file),
                "kind": subject.kind,
                "digest": subject.digest,
                **dict(subject.facts),
                "key": signed.key_id,
                "signature": str(signed.path),
                "signatures": signed.signatures,
            }
        )
