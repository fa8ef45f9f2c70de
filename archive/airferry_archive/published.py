"""A release as one OCI artifact in a registry: what it consists of, and the header out of it. Pure.

Layers are titled, so that `oras pull` gives them back by name: the files of a bundle's header but
carriage.json and SHA256SUMS, which are about one file; the release's own files under `files/`;
indexes that are evidence only under `evidence/`, since registries refuse them as manifests.
Everything else of the release is in the same repository, by digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airferry_archive.header import (
    CARRIAGE,
    MAX_HEADER,
    RELEASE,
    SHA256SUMS,
    Header,
    cap_of,
    header_from,
)
from airferry_archive.media_types import AIRFERRY_FILE, OCI_MANIFEST
from airferry_archive.release import Blob, Release
from airferry_archive.selection import carriage_of
from airferry_foundation import documents
from airferry_foundation.digests import digest, hex_of
from airferry_foundation.errors import BundleMismatchError

ARTIFACT_TYPE = "application/vnd.airferry.release.v1"
RELEASE_TYPE = "application/vnd.airferry.release.v1+json"
SIGNATURE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
EVIDENCE_TYPE = "application/vnd.airferry.evidence.v1"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
TITLE = "org.opencontainers.image.title"


@dataclass(frozen=True, slots=True)
class Part:
    """One layer of the artifact; `data` is None for a blob of the release."""

    title: str
    digest: str
    size: int
    media_type: str
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class ReleaseArtifact:
    """The artifact's manifest and its layers."""

    manifest: bytes
    parts: tuple[Part, ...]

    @property
    def own(self) -> dict[str, bytes]:
        """The bytes, by digest, of all that is not a blob of the release."""
        made = {digest(EMPTY): EMPTY}
        return made | {part.digest: part.data for part in self.parts if part.data is not None}


def artifact(header: Header, release: Release) -> ReleaseArtifact:
    """The artifact of a release; `release` is the header's own, decoded."""
    parts = (*_header_parts(header), *_own_files(release), *_evidence(release))
    content: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": ARTIFACT_TYPE,
        "config": {"mediaType": EMPTY_TYPE, "digest": digest(EMPTY), "size": len(EMPTY)},
        "layers": [_layer(part) for part in parts],
        "annotations": {
            "org.opencontainers.image.created": release.issued_at,
            "org.opencontainers.image.title": release.product,
            "org.opencontainers.image.version": release.version,
        },
    }
    return ReleaseArtifact(documents.encode(content), parts)


def evidence_of(release: Release) -> tuple[Blob, ...]:
    """The indexes that travel as evidence of a filtered image: no registry takes them as such."""
    wanted = {image.digest for image in release.images}
    evidence = {image.index for image in release.images} - wanted
    return tuple(blob for blob in release.blobs if blob.digest in evidence)


def expect_header_part(title: str, size: int) -> bool:
    """Whether a layer belongs to the header; BundleMismatchError if it is too long for that."""
    cap = None if title in {CARRIAGE, SHA256SUMS} else cap_of(title)
    if cap is not None and size > cap:
        raise BundleMismatchError(f"{title} has {size:,} bytes; {cap:,} are allowed")
    return cap is not None


def header_of_parts(found: Mapping[str, bytes]) -> Header:
    """The header out of its layers by title, not judged; its carriage comes later (`full`).

    BundleMismatchError where something is missing, left over or too much.
    """
    if sum(map(len, found.values())) > MAX_HEADER:
        raise BundleMismatchError(f"the header is longer than {MAX_HEADER:,} bytes")
    header = header_from(found)
    kept = {name for name, _ in header.files(b"")} - {CARRIAGE, SHA256SUMS}
    if extra := set(found) - kept:
        raise BundleMismatchError(f"the header's {min(extra)} is out of place")
    return header


def full(header: Header, release: Release) -> Header:
    """The header of the bundle that carries all of an admitted release."""
    carriage = carriage_of(release, digest(header.release))
    return replace(header, carriage=documents.encode(carriage))


def _header_parts(header: Header) -> Iterator[Part]:
    for name, data in header.files(b""):
        if name not in {CARRIAGE, SHA256SUMS}:
            yield Part(name, digest(data), len(data), _type_of(name), data)


def _type_of(name: str) -> str:
    if name == RELEASE:
        return RELEASE_TYPE
    return SIGNATURE_TYPE if name.endswith(".sigstore.json") else AIRFERRY_FILE


def _own_files(release: Release) -> Iterator[Part]:
    blobs = {blob.digest: blob for blob in release.blobs}
    titled = {attachment.title: attachment.digest for attachment in release.attachments}
    for title, named in sorted(titled.items()):
        blob = blobs[named]
        yield Part(f"files/{title}", blob.digest, blob.size, blob.media_type)


def _evidence(release: Release) -> Iterator[Part]:
    for blob in evidence_of(release):
        yield Part(f"evidence/{hex_of(blob.digest)}.json", blob.digest, blob.size, EVIDENCE_TYPE)


def _layer(part: Part) -> dict[str, Any]:
    return {
        "mediaType": part.media_type,
        "digest": part.digest,
        "size": part.size,
        "annotations": {TITLE: part.title},
    }
