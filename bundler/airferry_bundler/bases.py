"""What a customer has already, in whichever form it is known: what a delta leaves out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from airferry_archive import receipts, selection
from airferry_archive.receipts import Need
from airferry_archive.release import Release
from airferry_bundler.inspect import read_release
from airferry_foundation import files
from airferry_foundation.errors import InputError
from airferry_signing import sshsig

_RECEIPT = b'"schema":"airferry.receipt/v1"'


@dataclass(frozen=True, slots=True)
class Selection:
    """Which blobs a build carries: all, all but `held`, or those of a need."""

    held: frozenset[str] | None = None
    need: Need | None = None

    def of(self, release: Release, release_digest: str) -> frozenset[str] | None:
        """The digests that are carried, None for all; InputError for another release's need."""
        if self.need is not None:
            return selection.only(release, release_digest, self.need)
        return None if self.held is None else selection.without(release, self.held)


EVERYTHING = Selection()


def read_selection(
    bases: Sequence[Path], only: Path | None, *, note: Callable[[str], object]
) -> Selection:
    """What `--without` and `--only` say; `note` is told whose word a receipt is."""
    if only is not None and bases:
        raise InputError("--without and --only exclude one another", "Give one of them.")
    if only is not None:
        return Selection(need=receipts.read_need(only))
    if not bases:
        return EVERYTHING
    return Selection(held=frozenset[str]().union(*(held(base, note) for base in bases)))


def held(base: Path, note: Callable[[str], object]) -> frozenset[str]:
    """The digests of the blobs that whoever has `base` holds.

    `base` is a receipt, a release.json, a lock or a bundle. SignatureError for a receipt whose
    signature does not fit. Nothing more is verified: a wrong base can only cause a refusal.
    """
    if _is_receipt(base):
        return frozenset(_receipt(base, note).blobs)
    return frozenset(blob.digest for blob in read_release(base).blobs)


def _is_receipt(path: Path) -> bool:
    if path.is_dir():
        return False
    with files.media_errors(path), path.open("rb") as file:
        head = file.read(1)
    return head == b"{" and _RECEIPT in files.read_capped(path, receipts.MAX_BYTES)


def _receipt(path: Path, note: Callable[[str], object]) -> receipts.Receipt:
    data = files.read_capped(path, receipts.MAX_BYTES)
    receipt = receipts.decode_receipt(data, str(path))
    beside = path.with_name(f"{path.name}.sig")
    if beside.exists():
        signature = files.read_capped(beside, sshsig.MAX_BYTES)
        signer = sshsig.verify(data, signature, name=str(beside)).key_id
        note(f"{path.name}: {receipt.customer}'s receipt of {receipt.issued_at}, by {signer}")
    else:
        note(f"{path.name}: {receipt.customer}'s receipt of {receipt.issued_at}, not signed")
    return receipt
