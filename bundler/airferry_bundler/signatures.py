"""Signs the vendor's small documents, after saying what they are.

A document that is not one of the kinds known here is not signed: a signature of something unread
is what a thief of meaning wants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from airferry_archive import release as releases
from airferry_archive.release import Release
from airferry_foundation import documents, files
from airferry_foundation.digests import digest
from airferry_foundation.errors import DocumentError, InputError, SignatureError
from airferry_signing import channel, entitlement, roots, signature_files, verifier
from airferry_signing.cosign import Cosign

_MAX_BYTES = releases.MAX_BYTES


@dataclass(frozen=True, slots=True)
class Subject:
    """What a document is, for the person who signs it: facts in the order they are shown."""

    kind: str
    digest: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """A new signature: its file, the id of the key, and how many lie beside the document now."""

    path: Path
    key_id: str
    signatures: int


def subject(path: Path) -> Subject:
    """What the document at `path` says; DocumentError for a kind that vendors don't sign."""
    data = files.read_capped(path, _MAX_BYTES)
    try:
        schema = msgspec.json.decode(data, type=_Head).schema
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        schema = ""
    tell = _KINDS.get(schema)
    if tell is None:
        raise DocumentError(
            f"{path} is none of the documents that a vendor signs ({', '.join(_KINDS)})",
            "Sign release.json, roots/<n>.json, channel.json or entitlement.json.",
        )
    return Subject(schema.partition("/")[0], digest(data), tell(data, str(path)))


def sign_beside(
    path: Path, key: str, passphrase: str, cosign: Cosign, *, shown: Subject | None = None
) -> Signed:
    """Sign `path` with a key file or reference; writes the next `path`.<n>.sigstore.json.

    Refused when that key signed already (a second signature by one key counts for nothing), and
    when the file is no longer what was `shown`.
    """
    seen = shown or subject(path)
    document = files.read_capped(path, _MAX_BYTES)
    if digest(document) != seen.digest:
        raise SignatureError(f"{path} changed after it was shown", "Look at it again, then sign.")
    public = cosign.public_key(key, passphrase)
    keys = {public.key_id: public}
    for number, signature in enumerate(signature_files.signatures_beside(path), 1):
        name = f"{path}.{number}.sigstore.json"
        if verifier.signer(document, signature, keys, name=name, cosign=None):
            raise InputError(
                f"{path} is signed by this key already ({public.key_id[7:19]})",
                "A threshold counts different keys: sign with another one.",
            )
    target = signature_files.next_path(path)
    signature = cosign.sign_blob(path, key, passphrase)
    if verifier.signer(document, signature, keys, name=str(target), cosign=cosign) is None:
        raise SignatureError(f"cosign signed {path} with another key than {key} says it is")
    files.write_new(target, signature)
    return Signed(target, public.key_id, len(signature_files.signature_paths(path)))


class _Head(msgspec.Struct):
    schema: str = ""


def _release_facts(data: bytes, name: str) -> tuple[tuple[str, str], ...]:
    release = documents.decode(data, Release, name=name, cap=releases.MAX_BYTES)
    return (
        ("product", release.product),
        ("version", release.version),
        ("counter", str(release.release_counter)),
        ("epoch", str(release.epoch)),
        ("floor", str(release.security_floor)),
        ("root", str(release.root_version)),
        ("audience", _party(release.audience.customers)),
        ("where", _party(release.audience.environments)),
        ("platforms", ", ".join(release.platforms)),
        ("issued at", release.issued_at),
        ("images", str(len(release.images))),
        ("blobs", str(len(release.blobs))),
    )


def _root_facts(data: bytes, name: str) -> tuple[tuple[str, str], ...]:
    root = roots.read_root(data, name)
    return (
        ("product", root.product),
        ("number", str(root.number)),
        ("epoch", str(root.epoch)),
        *((role, f"{part.threshold} of {_keys(part)}") for role, part in _roles(root)),
        ("accepts", ", ".join(root.accepted_releases) or "no release of retired keys"),
        ("issued at", root.issued_at),
    )


def _channel_facts(data: bytes, name: str) -> tuple[tuple[str, str], ...]:
    said = channel.read(data, name=name)
    return (
        ("product", said.product),
        ("sequence", f"{said.sequence} in epoch {said.epoch}"),
        ("newest", f"{said.newest_version} (counter {said.newest_counter})"),
        ("floor", str(said.security_floor)),
        ("revoked", ", ".join(said.revoked) or "none"),
        ("next by", said.next_expected or "not promised"),
        ("issued at", said.issued_at),
    )


def _entitlement_facts(data: bytes, name: str) -> tuple[tuple[str, str], ...]:
    said = entitlement.read(data, name=name)
    return (
        ("customer", said.customer),
        ("products", ", ".join(said.products)),
        ("until", said.until or "it is replaced"),
        ("issued at", said.issued_at),
    )


def _roles(root: roots.Root) -> list[tuple[str, roots.Role]]:
    return [(role, root.roles[role]) for role in roots.ROLES]


def _keys(role: roots.Role) -> str:
    return f"{len(role.keys)} keys: {' '.join(role.keys)}"


def _party(names: tuple[str, ...] | str) -> str:
    return names if isinstance(names, str) else ", ".join(names)


_KINDS: dict[str, Callable[[bytes, str], tuple[tuple[str, str], ...]]] = {
    "airferry.release/v1": _release_facts,
    "airferry.root/v1": _root_facts,
    "airferry.channel/v1": _channel_facts,
    entitlement.SCHEMA: _entitlement_facts,
}
