"""Where the passphrase of a vendor key comes from: COSIGN_PASSWORD, else a terminal; never argv."""

from __future__ import annotations

import os
import sys

from airferry_bundler import public_halves
from airferry_foundation.errors import PassphraseError


def passphrase(*, new: bool = False) -> str:
    """The passphrase; `new` asks twice. PassphraseError without the variable and a terminal."""
    given = os.environ.get("COSIGN_PASSWORD")
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise PassphraseError(
            "a passphrase is needed, and there is no terminal to ask for it",
            "Set COSIGN_PASSWORD (empty is allowed).",
        )
    import typer

    return str(
        typer.prompt("Passphrase of the key", hide_input=True, default="", confirmation_prompt=new)
    )


def passphrase_for(key: str) -> str:
    """The passphrase of a key file; '' for a reference, which has its own way to log in."""
    return "" if public_halves.is_reference(key) else passphrase()
