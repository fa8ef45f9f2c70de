"""Makes the vendor's key pairs: cosign's for signing, age's for reading telemetry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from airferry_foundation import files
from airferry_foundation.errors import InputError
from airferry_signing import sealing
from airferry_signing.cosign import Cosign
from airferry_signing.keys import read_public_key

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The files of a pair; `key_id` is sha256 of the key, or the age recipient itself."""

    private: Path
    public: Path
    key_id: str


def generate_signing_key(folder: Path, name: str, passphrase: str, cosign: Cosign) -> KeyPair:
    """Make `<folder>/<name>.key` (encrypted by cosign) and `.pub`; never replaces a file."""
    prefix = files.make_folder(folder) / _checked(name)
    private, public = cosign.generate_key_pair(prefix, passphrase)
    key = read_public_key(public.read_bytes(), name=str(public))
    return KeyPair(private, public, key.key_id)


def generate_telemetry_key(folder: Path, name: str) -> KeyPair:
    """Make `<folder>/<name>.age` (an identity as age-keygen writes it, 0600) and `.age.pub`."""
    private = files.make_folder(folder) / f"{_checked(name)}.age"
    public = private.with_name(private.name + ".pub")
    identity = sealing.new_identity()
    files.write_new(private, sealing.identity_file(identity), mode=0o600)
    files.write_new(public, f"{identity.recipient}\n".encode())
    return KeyPair(private, public, identity.recipient)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} can't be the name of a key", "Use letters, digits, dot, dash, underscore."
        )
    return name
