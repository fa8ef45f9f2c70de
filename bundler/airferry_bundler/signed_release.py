"""Roots, release and channel statement beside a spec, judged as a customer will judge them.

What would be refused there is not built: a bundle on a stick can't be mended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airferry_archive.release import Release
from airferry_bundler.release import FILE_NAME
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError, RootError, ThresholdError
from airferry_signing import channel as channels
from airferry_signing import roots
from airferry_signing.cosign import Cosign
from airferry_signing.roots import Root, RootChain
from airferry_signing.signature_files import SignedDocument, read_signed, signatures_beside

ROOTS = "roots"
CHANNEL = "channel.json"


@dataclass(frozen=True, slots=True)
class SignedRelease:
    """All that goes into a bundle's header and is signed; `signers` are key ids."""

    signed: SignedDocument
    roots: Mapping[int, SignedDocument]
    channel: SignedDocument | None
    signers: frozenset[str]


def own_roots(folder: Path, cosign: Cosign | None) -> tuple[RootChain, dict[int, SignedDocument]]:
    """The vendor's own chain, from root 1; RootError where it would not be followed."""
    offered = roots.read_folder(folder / ROOTS)
    if 1 not in offered:
        raise RootError(
            f"{folder / ROOTS} has no 1.json: customers are given all roots from the first",
            "Make it with `airferry-bundler keys root init`.",
        )
    return roots.pin(offered, digest(offered[1].document), cosign=cosign), offered


def newest_root_number(folder: Path) -> int | None:
    """The number of the newest root beside a spec, None where there are none yet."""
    if not (folder / ROOTS).is_dir():
        return None
    return max(roots.read_folder(folder / ROOTS), default=None)


def read_channel(folder: Path) -> SignedDocument | None:
    """The channel statement beside a spec, if there is one."""
    path = folder / CHANNEL
    return read_signed(path, cap=channels.MAX_BYTES) if path.exists() else None


def judge(folder: Path, release: Release, data: bytes, cosign: Cosign | None) -> SignedRelease:
    """Everything signed, if a customer who knows these roots would take it.

    Raises RootError, ThresholdError (with what is missing) or SignatureError.
    """
    chain, offered = own_roots(folder, cosign)
    newest = chain.newest
    _expect_line(release, newest)
    signed = SignedDocument(data, signatures_beside(folder / FILE_NAME))
    try:
        signers = roots.accept(signed, "release", newest, name=FILE_NAME, cosign=cosign)
    except ThresholdError as error:
        raise ThresholdError(
            f"{error.message} (root {newest.number})",
            f"Let another holder run `airferry-bundler sign {FILE_NAME} --key KEY`.",
        ) from None
    return SignedRelease(signed, offered, _judge_channel(folder, newest, cosign), signers)


def _expect_line(release: Release, newest: Root) -> None:
    for what, ours, theirs in (
        ("product", release.product, newest.product),
        ("epoch", release.epoch, newest.epoch),
    ):
        if ours != theirs:
            raise RootError(
                f"{FILE_NAME} has {what} {ours!r}, the newest root (number {newest.number}) "
                f"has {theirs!r}",
                "Correct airferry.yaml and lock again.",
            )
    if release.root_version > newest.number:
        raise RootError(
            f"{FILE_NAME} was locked with root {release.root_version}, the newest here is "
            f"{newest.number}",
            f"Bring the newer root into {ROOTS}/.",
        )


def _judge_channel(folder: Path, newest: Root, cosign: Cosign | None) -> SignedDocument | None:
    signed = read_channel(folder)
    if signed is None:
        return None
    said = channels.read(signed.document)
    if said.product != newest.product:
        raise InputError(
            f"{folder / CHANNEL} is for {said.product!r}, expected {newest.product!r}",
            "Move it away, or bring the right one.",
        )
    roots.accept(signed, "channel", newest, name=CHANNEL, cosign=cosign)
    return signed
