"""The bundle's header: the files before the blobs, their order and their caps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from airferry_archive import carriage, generated, release
from airferry_foundation.errors import BundleMismatchError
from airferry_signing import channel, root_document, sigstore_bundle
from airferry_signing.roots import MAX_ROOTS
from airferry_signing.signature_files import MAX_SIGNATURES, SignedDocument

MAX_HEADER = 16 << 20
"""Encoded bytes of the whole header."""

RELEASE = "release.json"
CHANNEL = "channel.json"
CARRIAGE = "carriage.json"
SHA256SUMS = "SHA256SUMS"
LAST = generated.INDEX

_SIGNATURE = re.compile(
    r"(?P<of>signatures/release\.json|roots/(?P<root>[1-9][0-9]{0,5})\.json|channel\.json)"
    r"\.(?P<number>[1-9][0-9]?)\.sigstore\.json"
)
_ROOT = re.compile(r"roots/(?P<root>[1-9][0-9]{0,5})\.json")
_CAPS = {
    RELEASE: release.MAX_BYTES,
    CHANNEL: channel.MAX_BYTES,
    CARRIAGE: carriage.MAX_BYTES,
    generated.README: 4 << 20,
    SHA256SUMS: 5 << 20,
    generated.OCI_LAYOUT: 1 << 10,
    generated.INDEX: 5 << 20,
}

Files = tuple[tuple[str, bytes], ...]
"""Names and bytes, in the order of the file."""


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before the blobs, but SHA256SUMS, which is derived. Nothing in it is judged.

    `roots` by number, in rising order. `release`, `carriage` and the three generated members are
    the bytes of files.
    """

    release: bytes
    signatures: tuple[bytes, ...]
    roots: Mapping[int, SignedDocument]
    channel: SignedDocument | None
    carriage: bytes
    readme: bytes
    oci_layout: bytes
    index: bytes

    @property
    def signed_release(self) -> SignedDocument:
        """release.json with its signatures."""
        return SignedDocument(self.release, self.signatures)

    @property
    def generated(self) -> dict[str, bytes]:
        """The three members whose digests release.json lists, by name."""
        return {
            generated.README: self.readme,
            generated.OCI_LAYOUT: self.oci_layout,
            generated.INDEX: self.index,
        }

    def files(self, sha256sums: bytes) -> Files:
        """Every file of the header, in the order of the bundle."""
        return (
            (RELEASE, self.release),
            *_numbered(f"signatures/{RELEASE}", self.signatures),
            *(file for number in sorted(self.roots) for file in self._root(number)),
            *(_signed(CHANNEL, self.channel) if self.channel else ()),
            (CARRIAGE, self.carriage),
            (generated.README, self.readme),
            (SHA256SUMS, sha256sums),
            (generated.OCI_LAYOUT, self.oci_layout),
            (generated.INDEX, self.index),
        )

    def _root(self, number: int) -> Iterator[tuple[str, bytes]]:
        return _signed(f"roots/{number}.json", self.roots[number])


def cap_of(name: str) -> int | None:
    """How many bytes a file of the header may have; None for a name that none has."""
    if match := _SIGNATURE.fullmatch(name):
        return sigstore_bundle.MAX_BYTES if int(match["number"]) <= MAX_SIGNATURES else None
    if _ROOT.fullmatch(name):
        return root_document.MAX_BYTES
    return _CAPS.get(name)


def header_of(files: Files) -> tuple[Header, bytes]:
    """The header that has exactly these files, and its SHA256SUMS, which are not yet compared.

    Raises BundleMismatchError for a file that is missing, twice there or out of place.
    """
    found = dict(files)
    header = header_from(found, needed=(CARRIAGE, SHA256SUMS))
    expected = header.files(found[SHA256SUMS])
    if expected != files:
        raise BundleMismatchError(f"the header's {_odd_one(expected, files)} is out of place")
    return header, found[SHA256SUMS]


def header_from(found: Mapping[str, bytes], needed: Iterable[str] = ()) -> Header:
    """The header out of its files by name; without a carriage.json its `carriage` is empty.

    Raises BundleMismatchError where one is missing.
    """
    missing = {RELEASE, *needed, *generated.MEMBERS} - set(found)
    if missing:
        raise BundleMismatchError(f"the header has no {min(missing)}")
    numbers = [int(match["root"]) for name in found if (match := _ROOT.fullmatch(name))]
    if len(numbers) > MAX_ROOTS:
        raise BundleMismatchError(f"the header has {len(numbers)} roots; {MAX_ROOTS} are allowed")
    return Header(
        release=found[RELEASE],
        signatures=_signatures(found, f"signatures/{RELEASE}"),
        roots={n: _document(found, f"roots/{n}.json") for n in sorted(numbers)},
        channel=_document(found, CHANNEL) if CHANNEL in found else None,
        carriage=found.get(CARRIAGE, b""),
        readme=found[generated.README],
        oci_layout=found[generated.OCI_LAYOUT],
        index=found[generated.INDEX],
    )


def _odd_one(expected: Files, files: Files) -> str:
    wanted = [name for name, _ in expected]
    return next((name for at, (name, _) in enumerate(files) if wanted[at : at + 1] != [name]), LAST)


def _document(found: Mapping[str, bytes], name: str) -> SignedDocument:
    return SignedDocument(found[name], _signatures(found, name))


def _signatures(found: Mapping[str, bytes], name: str) -> tuple[bytes, ...]:
    names = (f"{name}.{number}.sigstore.json" for number in range(1, MAX_SIGNATURES + 1))
    return tuple(found[one] for one in names if one in found)


def _signed(name: str, signed: SignedDocument) -> Iterator[tuple[str, bytes]]:
    yield name, signed.document
    yield from _numbered(name, signed.signatures)


def _numbered(name: str, signatures: tuple[bytes, ...]) -> Iterator[tuple[str, bytes]]:
    for number, signature in enumerate(signatures, 1):
        yield f"{name}.{number}.sigstore.json", signature
