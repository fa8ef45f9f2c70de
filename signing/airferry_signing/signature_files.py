"""A document and the signatures that lie beside it.

`FILE.<n>.sigstore.json` (n from 1) are FILE's signatures by the vendor, `FILE.sig` is its signature
by a person or an instance of the customer's (ADR 4). The numbers mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airferry_foundation import files
from airferry_foundation.errors import InputError
from airferry_signing import sigstore_bundle

MAX_SIGNATURES = 16


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """The bytes of a document and its detached signatures, none of them judged yet."""

    document: bytes
    signatures: tuple[bytes, ...]


def signature_paths(path: Path) -> tuple[Path, ...]:
    """The vendor signatures that lie beside `path`, in the order of their numbers."""
    numbered = ((_beside(path, number)) for number in range(1, MAX_SIGNATURES + 1))
    return tuple(candidate for candidate in numbered if candidate.is_file())


def signatures_beside(path: Path) -> tuple[bytes, ...]:
    """The bytes of the vendor signatures beside `path`."""
    return tuple(
        files.read_capped(found, sigstore_bundle.MAX_BYTES) for found in signature_paths(path)
    )


def next_path(path: Path) -> Path:
    """Where the next signature of `path` goes; InputError when there are 16 already."""
    for number in range(1, MAX_SIGNATURES + 1):
        if not _beside(path, number).exists():
            return _beside(path, number)
    raise InputError(f"{path} has {MAX_SIGNATURES} signatures already; more are not allowed")


def read_signed(path: Path, *, cap: int) -> SignedDocument:
    """A document of at most `cap` bytes with the signatures beside it."""
    return SignedDocument(files.read_capped(path, cap), signatures_beside(path))


def _beside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}.sigstore.json")
