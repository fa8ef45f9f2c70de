"""Public halves of vendor keys: out of .pub files, or from wherever cosign can reach a key."""

from __future__ import annotations

from pathlib import Path

from airferry_foundation import files
from airferry_foundation.digests import is_digest
from airferry_signing import cosign as cosigns
from airferry_signing.keys import MAX_PEM_BYTES, PublicKey, read_public_key


def is_reference(key: str) -> bool:
    """Whether a key is named as cosign names those in hardware or in a service, not as a file."""
    return "://" in key or key.startswith("pkcs11:")


def read(key: str) -> PublicKey:
    """The key in a .pub file, or behind a reference such as `pkcs11:…` or `awskms://…`.

    SignatureError where it is no P-256 key; ProgramFailedError where cosign can't reach it.
    """
    if is_reference(key):
        return cosigns.find().public_key(key, "")
    return read_public_key(files.read_capped(Path(key), MAX_PEM_BYTES), name=key)


def key_id(key: str) -> str:
    """A key's id: given as such, or of a file or reference."""
    return key if is_digest(key) else read(key).key_id
