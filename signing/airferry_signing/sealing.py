"""Sealing with age v1: only the holders of the named keys can read, and stock `age -d` opens it.

age does not say who sealed: sign inside, seal outside. Opening is all or nothing, since plaintext
counts only once the end is authenticated. Source: age-encryption.org/v1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyrage

from airferry_foundation import files
from airferry_foundation.errors import InputError, TrustError

MAX_SEALED_BYTES = 256 << 20
_HEAD = b"age-encryption.org/v1\n"


@dataclass(frozen=True, slots=True)
class Identity:
    """An age key pair: `secret` opens what was sealed to `recipient`."""

    secret: str = field(repr=False)
    recipient: str


def new_identity() -> Identity:
    """A new key pair."""
    made = pyrage.x25519.Identity.generate()
    return Identity(secret=str(made), recipient=str(made.to_public()))


def identity_file(identity: Identity) -> bytes:
    """The pair as `age-keygen` writes it."""
    return f"# public key: {identity.recipient}\n{identity.secret}\n".encode()


def read_identity(path: Path) -> Identity:
    """The one identity of a file as `age-keygen` writes it; InputError if there is none."""
    try:
        text = files.read_capped(path, 4096).decode()
        (line,) = [one for one in text.splitlines() if one and not one.startswith("#")]
        return Identity(line, str(pyrage.x25519.Identity.from_str(line).to_public()))
    except (ValueError, pyrage.IdentityError):
        raise InputError(
            f"{path} is not a file with one age identity",
            "Make it with `airferry-bundler keys generate --role telemetry` or `age-keygen`.",
        ) from None


def seal(data: bytes, recipients: Sequence[str]) -> bytes:
    """`data` sealed so that each of `recipients` (`age1…`) can open it; InputError on a bad one."""
    if not recipients:
        raise InputError("nothing can be sealed without a recipient")
    return bytes(pyrage.encrypt(data, [_recipient(one) for one in recipients]))


def is_sealed(data: bytes) -> bool:
    """Whether it looks like an age file."""
    return data.startswith(_HEAD)


def unseal(data: bytes, identity: str, *, name: str = "the sealed data") -> bytes:
    """What was sealed; TrustError if it is for another key, was changed or cut."""
    if not data.startswith(_HEAD):
        raise TrustError(f"{name} is not an age file: it begins with {data[:16]!r}")
    try:
        opened = pyrage.decrypt(data, [pyrage.x25519.Identity.from_str(identity)])
    except pyrage.IdentityError:
        raise InputError("the age identity can't be read") from None
    except (pyrage.DecryptError, OSError) as error:
        raise TrustError(
            f"{name} can't be opened: {error}",
            "It was sealed for another key, or changed or cut on its way; get it again.",
        ) from None
    return bytes(opened)


def unseal_file(path: Path, identity: str, to: Path) -> None:
    """Open the file `path` into the private file `to`, which appears only when all is well."""
    sealed = files.read_capped(path, MAX_SEALED_BYTES)
    files.write_atomic(to, unseal(sealed, identity, name=str(path)), mode=0o600)


def _recipient(text: str) -> pyrage.x25519.Recipient:
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise InputError(
            f"{text[:80]!r} is not an age recipient", "It reads age1 and 58 letters and digits."
        ) from None
