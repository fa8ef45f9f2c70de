"""The root document: which keys may sign for which role of a product line.

Every rule that a root must obey by itself stands here; how roots follow one another is `roots`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from airferry_foundation import documents
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import DocumentError, InputError, RootError, SignatureError
from airferry_foundation.grammar import whole
from airferry_signing.keys import MAX_PEM_BYTES, PublicKey, read_public_key

MAX_BYTES = 64 << 10
MAX_KEYS = 16

RoleName = Literal["root", "release", "channel", "ack"]
ROLES: tuple[RoleName, ...] = ("root", "release", "channel", "ack")

ProductLine = Annotated[str, whole(r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$")]
Pem = Annotated[str, msgspec.Meta(max_length=MAX_PEM_BYTES)]
Number = Annotated[int, msgspec.Meta(ge=1, le=documents.MAX_INTEGER)]


class Role(Document, frozen=True, kw_only=True):
    """Who may sign for a role, and how many of them must."""

    keys: Annotated[tuple[Digest, ...], msgspec.Meta(min_length=1, max_length=MAX_KEYS)]
    threshold: Annotated[int, msgspec.Meta(ge=1, le=MAX_KEYS)]


class Root(Document, frozen=True, kw_only=True):
    """A root: `keys` by id (always recomputed), four roles, and digests that stay valid."""

    schema: Literal["airferry.root/v1"]
    product: ProductLine
    number: Number
    epoch: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    issued_at: Timestamp
    keys: Annotated[dict[Digest, Pem], msgspec.Meta(max_length=4 * MAX_KEYS)]
    roles: dict[RoleName, Role]
    accepted_releases: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=256)] = ()


def read_root(data: bytes, name: str) -> Root:
    """A root whose every rule holds by itself; RootError otherwise. No signature is looked at."""
    try:
        root = documents.decode(data, Root, name=name, cap=MAX_BYTES)
        keys_of(root, name=name)
    except (DocumentError, SignatureError) as error:
        raise RootError(error.message, error.hint) from None
    for problem in _problems(root):
        raise RootError(f"{name}: {problem}", "Make it anew with `keys root init` or `add`.")
    return root


def keys_of(root: Root, role: str | None = None, *, name: str = "root") -> dict[str, PublicKey]:
    """The keys of a role (or all of them), by ids that were computed anew."""
    wanted = root.keys if role is None else root.roles[role_name(role)].keys
    found = {}
    for key_id in wanted:
        key = read_public_key(root.keys[key_id].encode(), name=f"{name}: key {key_id[7:19]}")
        if key.key_id != key_id:
            raise SignatureError(f"{name} calls a key {key_id}, but its id is {key.key_id}")
        found[key_id] = key
    return found


def role_name(name: str) -> RoleName:
    """A role by its name; InputError if there is none such."""
    for role in ROLES:
        if role == name:
            return role
    raise InputError(f"{name!r} is not a role", f"Roles are {', '.join(ROLES)}.")


def _problems(root: Root) -> Iterator[str]:
    named: set[str] = set()
    for role in ROLES:
        if role not in root.roles:
            yield f"role {role!r} is missing"
            continue
        part = root.roles[role]
        named.update(part.keys)
        if len(set(part.keys)) != len(part.keys):
            yield f"role {role!r} names a key twice"
        if part.threshold > len(part.keys):
            yield f"role {role!r} has threshold {part.threshold} of {len(part.keys)} keys"
    if unknown := named - set(root.keys):
        yield f"a role names the key {min(unknown)}, which is not among the keys"
    if unused := set(root.keys) - named:
        yield f"no role names the key {min(unused)}"
    if len(set(root.accepted_releases)) != len(root.accepted_releases):
        yield "an accepted release is listed twice"
