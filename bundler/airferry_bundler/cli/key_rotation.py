"""airferry-bundler keys public, keys root rotate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.keys import RootsOption, keys, made, root
from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_foundation.errors import InputError


@keys.command("public")
def public(
    key: Annotated[str, typer.Option("--key", help="A PKCS#11 or KMS reference, or a .pub file.")],
    to_file: Annotated[Path | None, typer.Option("-o", help="Write the public half here.")] = None,
    output: OutputOption = Format.text,
) -> None:
    """Show the id of a key that lives in hardware or a service, and write its public half.

    Roots list public halves; where a root is made the key itself need not be reachable. cosign
    finds its PKCS#11 module, PIN and cloud login in its own variables (COSIGN_PKCS11_PIN …).

        airferry-bundler keys public --key 'pkcs11:token=vendor;object=release' -o release.pub
    """
    from airferry_bundler import public_halves
    from airferry_foundation import files

    out = Output(output)
    found = public_halves.read(key)
    if to_file is not None:
        files.write_new(to_file, found.pem.encode())
    out.say(f"key {found.key_id}")
    out.say(f"  public: {to_file}" if to_file else found.pem.strip())
    out.answer({"key": found.key_id, "pem": found.pem, "public": str(to_file) if to_file else None})


@root.command("rotate")
def rotate(
    pairs: Annotated[
        list[str],
        typer.Argument(metavar="OLD=NEW.pub", help="A key (id or .pub) and what takes its place."),
    ],
    folder: RootsOption = Path("roots"),
    output: OutputOption = Format.text,
) -> None:
    """Make the next root, in which new keys stand wherever the old ones stood.

    The same as `keys root add` with --key for each role of the old key, and --retire. It has to be
    signed by enough root keys of the root before it and of itself: a root key that is replaced
    signs for the last time. Releases signed by a retired key have to be signed again, or accepted
    with `keys root add --accept`.

        airferry-bundler keys root rotate keys/release-1.pub=keys/release-3.pub
    """
    from airferry_bundler import public_halves, vendor_roots
    from airferry_foundation import clock

    replaced = {}
    for pair in pairs:
        old, new = _old_and_new(pair)
        replaced[public_halves.key_id(old)] = public_halves.read(new)
    newest = vendor_roots.newest_of(folder)
    change = vendor_roots.rotation(newest, replaced)
    issued = clock.write(clock.source_date())
    made(Output(output), folder, vendor_roots.following(newest, change, issued_at=issued))


def _old_and_new(pair: str) -> tuple[str, str]:
    """The two keys of OLD=NEW; a reference to a token has that sign inside, on either side."""
    start = pair.find("=pkcs11:")
    old, new = (pair[:start], pair[start + 1 :]) if start > 0 else pair.rpartition("=")[::2]
    if not old or not new:
        raise InputError(f"{pair!r} can't be read", "Write it as OLD=NEW.pub.")
    return old, new
