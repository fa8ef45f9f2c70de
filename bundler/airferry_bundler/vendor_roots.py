"""Makes roots: the first one, and each that follows it; and says what a chain still lacks.

Pure functions over documents, but for reading the folder. Signing a root is `signatures`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from airferry_foundation import documents, files
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError, RootError, TrustError
from airferry_signing import roots
from airferry_signing.cosign import Cosign
from airferry_signing.keys import PublicKey
from airferry_signing.roots import Role, RoleName, Root, SignedDocument


@dataclass(frozen=True, slots=True)
class Change:
    """What a root is to say: more keys by role, keys to retire, thresholds that are set."""

    keys: Mapping[RoleName, Sequence[PublicKey]] = field(default_factory=dict)
    thresholds: Mapping[RoleName, int] = field(default_factory=dict)
    retired: frozenset[str] = frozenset()
    new_epoch: bool = False
    accepted_releases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RootStatus:
    """One root of a folder: its fingerprint, and what is wrong with it or lacking ('' if well)."""

    root: Root
    fingerprint: str
    signatures: int
    lacking: str


def first(product: str, change: Change, *, issued_at: str, epoch: int = 1) -> bytes:
    """The bytes of root 1; RootError that says which role lacks a key.

    A chain that takes the place of one whose root keys were lost begins in a later epoch.
    """
    return _checked(_draft(product, 1, epoch, issued_at, {}, change))


def rotation(newest: Root, replaced: Mapping[str, PublicKey]) -> Change:
    """The change that puts new keys wherever old ones (by id) stand; InputError for a strange one.

    Thresholds stay.
    """
    added: dict[RoleName, list[PublicKey]] = {}
    for old, new in replaced.items():
        for role, part in newest.roles.items():
            if old not in part.keys:
                continue
            if new.key_id in part.keys:
                raise InputError(
                    f"key {new.key_id} has role {role!r} already: retiring {old[7:19]} would leave "
                    "one key less",
                    "Make a new key, or say so: keys root add --retire.",
                )
            added.setdefault(role, []).append(new)
    return Change(keys=added, retired=frozenset(replaced))


def following(newest: Root, change: Change, *, issued_at: str) -> bytes:
    """The bytes of the root after `newest`, which stays as it is but for `change`."""
    epoch = newest.epoch + (1 if change.new_epoch else 0)
    unknown = change.retired - set(newest.keys)
    if unknown:
        raise InputError(
            f"root {newest.number} has no key {min(unknown)} to retire",
            "`airferry-bundler keys root show` lists the keys.",
        )
    known = roots.keys_of(newest)
    kept = {
        role: [known[one] for one in part.keys if one not in change.retired]
        for role, part in newest.roles.items()
    }
    before = {role: part.threshold for role, part in newest.roles.items()}
    carried = msgspec.structs.replace(
        newest, accepted_releases=() if change.new_epoch else newest.accepted_releases
    )
    return _checked(
        _draft(
            newest.product,
            newest.number + 1,
            epoch,
            issued_at,
            kept,
            Change(
                keys=change.keys,
                thresholds={**before, **change.thresholds},
                accepted_releases=(*carried.accepted_releases, *change.accepted_releases),
            ),
        )
    )


def write(folder: Path, data: bytes) -> Path:
    """Write a new root under its number; never replaces one."""
    root = roots.read_root(data, "the new root")
    path = files.make_folder(folder) / f"{root.number}.json"
    files.write_new(path, data)
    return path


def newest_of(folder: Path) -> Root:
    """The newest root of a folder, signed or not; InputError if the folder holds none."""
    found = roots.read_folder(folder)
    if not found:
        raise InputError(f"{folder} holds no root", "Make the first: `keys root init`.")
    number = max(found)
    return roots.read_root(found[number].document, str(folder / f"{number}.json"))


def statuses(folder: Path, *, cosign: Cosign | None) -> list[RootStatus]:
    """Each root of a folder, judged against the one before it and itself."""
    found = roots.read_folder(folder)
    judged: list[RootStatus] = []
    before: Root | None = None
    for number, signed in found.items():
        root = roots.read_root(signed.document, str(folder / f"{number}.json"))
        lacking = _lacking(root, number, before, signed, cosign)
        fingerprint = digest(signed.document)
        judged.append(RootStatus(root, fingerprint, len(signed.signatures), lacking))
        before = root
    return judged


def _lacking(
    root: Root, number: int, before: Root | None, signed: SignedDocument, cosign: Cosign | None
) -> str:
    if root.number != number:
        return f"it says that it is root {root.number}"
    if before is not None and number != before.number + 1:
        return f"root {before.number + 1} is missing before it"
    try:
        for judge in (before, root):
            if judge is not None:
                roots.accept(signed, "root", judge, name=f"root {number}", cosign=cosign)
    except TrustError as error:
        return error.message
    return ""


def _draft(
    product: str,
    number: int,
    epoch: int,
    issued_at: str,
    kept: Mapping[RoleName, Sequence[PublicKey]],
    change: Change,
) -> Root:
    roles: dict[RoleName, Role] = {}
    keys: dict[str, str] = {}
    for role in roots.ROLES:
        members = _unique([*kept.get(role, ()), *change.keys.get(role, ())])
        if not members:
            raise RootError(f"role {role!r} has no key", f"Give --key {role}=FILE.pub.")
        keys.update({one.key_id: one.pem for one in members})
        ids = tuple(sorted(one.key_id for one in members))
        roles[role] = Role(keys=ids, threshold=change.thresholds.get(role, 1))
    return Root(
        schema="airferry.root/v1",
        product=product,
        number=number,
        epoch=epoch,
        issued_at=issued_at,
        keys=keys,
        roles=roles,
        accepted_releases=change.accepted_releases,
    )


def _unique(keys: Iterable[PublicKey]) -> list[PublicKey]:
    return list({key.key_id: key for key in keys}.values())


def _checked(root: Root) -> bytes:
    data = documents.encode(root)
    roots.read_root(data, "the new root")
    return data
