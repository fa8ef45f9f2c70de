"""Chains of roots: how the vendor's keys change, and what a customer takes over.

Root n+1 is signed by the thresholds of root n *and* of itself; numbers are contiguous; the epoch
stays or rises by one. A chain begins with a root that was pinned by its fingerprint, out of band.
Only the newest root known supplies keys and thresholds. A known number with other bytes is a fork.

This module has no I/O but `read_folder`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError, RootError, ThresholdError, TrustError
from airferry_signing.cosign import Cosign
from airferry_signing.root_document import (
    MAX_BYTES,
    ROLES,
    ProductLine,
    Role,
    RoleName,
    Root,
    keys_of,
    read_root,
)
from airferry_signing.signature_files import SignedDocument, read_signed
from airferry_signing.thresholds import accept

__all__ = [
    "MAX_BYTES",
    "MAX_ROOTS",
    "ROLES",
    "ProductLine",
    "Role",
    "RoleName",
    "Root",
    "RootChain",
    "SignedDocument",
    "accept",
    "advance",
    "extend",
    "keys_of",
    "pin",
    "read_folder",
    "read_root",
]

MAX_ROOTS = 64

_ROOT_FILE = re.compile(r"([1-9][0-9]{0,5})\.json")


@dataclass(frozen=True, slots=True)
class RootChain:
    """The roots known, from the pinned one to the newest, contiguous and each judged."""

    signed: tuple[SignedDocument, ...]

    @property
    def roots(self) -> tuple[Root, ...]:
        """The roots as documents."""
        return tuple(read_root(one.document, "a root that is known") for one in self.signed)

    @property
    def newest(self) -> Root:
        """The only root that supplies keys and thresholds."""
        return read_root(self.signed[-1].document, "the newest root")

    @property
    def number(self) -> int:
        """The newest root's number."""
        return self.newest.number

    @property
    def first_number(self) -> int:
        """The pinned root's number."""
        return self.number - len(self.signed) + 1

    @property
    def fingerprint(self) -> str:
        """The digest of the newest root's bytes."""
        return digest(self.signed[-1].document)


def pin(
    offered: Mapping[int, SignedDocument] | SignedDocument,
    fingerprint: str,
    *,
    name: str = "the vendor's root",
    cosign: Cosign | None = None,
) -> RootChain:
    """Begin a chain with the root whose digest is `fingerprint`; later ones offered are taken over.

    The fingerprint, which came on another way, vouches for the pinned root's every byte; its own
    signatures are not needed. Raises RootError when no root offered has that fingerprint.
    """
    candidates = [offered] if isinstance(offered, SignedDocument) else [*offered.values()]
    for signed in candidates:
        if digest(signed.document) == fingerprint:
            read_root(signed.document, name)
            chain = RootChain((signed,))
            if isinstance(offered, SignedDocument):
                return chain
            return extend(chain, offered, cosign=cosign)
    found = ", ".join(digest(signed.document) for signed in candidates) or "no root at all"
    raise RootError(
        f"{name} has another fingerprint: expected {fingerprint}, found {found}",
        "Ask the vendor for the fingerprint again, by telephone; use nothing until they agree.",
    )


def extend(
    known: RootChain, offered: Mapping[int, SignedDocument], *, cosign: Cosign | None
) -> RootChain:
    """Take over the roots that follow the newest known one; RootError if any of them is bad."""
    chain, error = advance(known, offered, cosign=cosign)
    if error is not None:
        raise error
    return chain


def advance(
    known: RootChain, offered: Mapping[int, SignedDocument], *, cosign: Cosign | None
) -> tuple[RootChain, TrustError | None]:
    """Like `extend`, but gives back the roots that hold beside the error that stopped it.

    Valid roots are to be remembered even where what came after them is refused.
    """
    try:
        _refuse_forks(known, offered)
        _refuse_gaps(known, offered)
    except RootError as error:
        return known, error
    chain = known
    for number in range(known.number + 1, max(offered, default=0) + 1):
        try:
            _follow(chain.newest, offered[number], number, cosign)
        except TrustError as error:
            return chain, error
        chain = RootChain((*chain.signed, offered[number]))
    return chain, None


def read_folder(path: Path) -> dict[int, SignedDocument]:
    """The roots of a folder (`1.json`, `1.json.1.sigstore.json` …) by number, not judged."""
    if not path.is_dir():
        raise InputError(f"{path} is not a folder of roots", "Make it with `keys root init`.")
    found = {
        int(match.group(1)): read_signed(file, cap=MAX_BYTES)
        for file in path.iterdir()
        if (match := _ROOT_FILE.fullmatch(file.name))
    }
    if len(found) > MAX_ROOTS:
        raise InputError(f"{path} holds {len(found)} roots; at most {MAX_ROOTS} are allowed")
    return dict(sorted(found.items()))


def _refuse_forks(known: RootChain, offered: Mapping[int, SignedDocument]) -> None:
    for number, signed in enumerate(known.signed, known.first_number):
        other = offered.get(number)
        if other is not None and other.document != signed.document:
            raise RootError(
                f"root {number} is forked: known as {digest(signed.document)}, "
                f"offered as {digest(other.document)}",
                "Two roots with one number: the vendor's root keys may be stolen. Ask the vendor.",
            )


def _refuse_gaps(known: RootChain, offered: Mapping[int, SignedDocument]) -> None:
    if len(offered) > MAX_ROOTS:
        raise RootError(f"{len(offered)} roots are offered; at most {MAX_ROOTS} are allowed")
    missing = set(range(known.number + 1, max(offered, default=0) + 1)) - set(offered)
    if missing:
        raise RootError(
            f"root {min(missing)} is missing between the known root {known.number} and the "
            f"offered root {max(offered)}",
            "Get a bundle that carries all roots from the vendor.",
        )


def _follow(newest: Root, signed: SignedDocument, number: int, cosign: Cosign | None) -> None:
    """Judge the root that claims to follow `newest`."""
    name = f"root {number}"
    root = read_root(signed.document, name)
    if root.number != number:
        raise RootError(f"{name} says that it is root {root.number}")
    if root.product != newest.product:
        raise RootError(f"{name} is for {root.product!r}, expected {newest.product!r}")
    if root.epoch not in (newest.epoch, newest.epoch + 1):
        raise RootError(
            f"{name} has epoch {root.epoch}; after epoch {newest.epoch} it may only stay or "
            "rise by one"
        )
    for judge in (newest, root):
        try:
            accept(signed, "root", judge, name=name, cosign=cosign)
        except ThresholdError as error:
            raise RootError(
                f"{error.message} (threshold of root {judge.number})",
                "A root is signed by enough root keys of the one before it and of itself.",
            ) from None
