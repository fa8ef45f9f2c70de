"""Image manifests and indexes, as registries hold them: read, never written anew.

OCI media types and Docker schema 2. Unknown fields are allowed: other tools write many.
Source: OCI image-spec 1.1, manifest.md, image-index.md; CVE-2021-41190: what is both is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from airferry_foundation.digests import Digest, digest
from airferry_foundation.documents import MAX_INTEGER
from airferry_foundation.errors import RegistryError

MAX_BYTES = 4 << 20

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
ACCEPT = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}"

REF_NAME = "org.opencontainers.image.ref.name"
TITLE = "org.opencontainers.image.title"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What names a blob: digest, size in bytes, media type, and notes about it."""

    digest: str
    size: int
    media_type: str
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def title(self) -> str:
        """The file name that a layer of an artifact carries, '' if none."""
        return self.annotations.get(TITLE, "")


@dataclass(frozen=True, slots=True)
class Child:
    """One manifest of an index; `platform` is `os/arch[/variant]`, None if it says nothing."""

    descriptor: Descriptor
    platform: str | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image or artifact: its configuration and layers."""

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)
    subject: str = ""
    """The digest of what it is about, '' if it is not about another manifest."""

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """All that must be in a registry before the manifest."""
        return (self.config, *self.layers)


@dataclass(frozen=True, slots=True)
class Index:
    """A list of manifests, one a platform."""

    media_type: str
    children: tuple[Child, ...]
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest's or index's bytes as they are stored; `digest` is that of `data`."""

    data: bytes
    media_type: str
    digest: str

    @property
    def descriptor(self) -> Descriptor:
        """What names it."""
        return Descriptor(self.digest, len(self.data), self.media_type)

    def parse(self) -> Manifest | Index:
        """Its content."""
        return parse(self.data, self.media_type)


class _Platform(msgspec.Struct, frozen=True):
    os: str
    architecture: str
    variant: str = ""


class _Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    digest: Digest
    size: int
    media_type: str = ""
    annotations: dict[str, str] | None = None
    platform: _Platform | None = None


class _Either(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int
    media_type: str = ""
    artifact_type: str = ""
    config: _Descriptor | None = None
    subject: _Descriptor | None = None
    layers: tuple[_Descriptor, ...] | None = None
    manifests: tuple[_Descriptor, ...] | None = None
    annotations: dict[str, str] | None = None


def parse(data: bytes, media_type: str = "", *, name: str = "") -> Manifest | Index:
    """Read a manifest or index; RegistryError, naming it, if it is neither or is ambiguous.

    `media_type` is what the registry said; '' lets the document speak for itself.
    """
    what = name or f"manifest {digest(data)}"
    if len(data) > MAX_BYTES:
        raise RegistryError(f"{what} has {len(data)} bytes; at most {MAX_BYTES} are allowed")
    try:
        found = msgspec.json.decode(data, type=_Either)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RegistryError(f"{what} is not an OCI manifest or index: {error}") from None
    kind = _kind(found, media_type, what)
    notes = found.annotations or {}
    if kind in INDEXES:
        children = tuple(_child(child, what) for child in found.manifests or ())
        return Index(kind, children, notes)
    if found.config is None:
        raise RegistryError(f"{what} has no config")
    layers = tuple(_descriptor(layer, what) for layer in found.layers or ())
    return Manifest(
        media_type=kind,
        config=_descriptor(found.config, what),
        layers=layers,
        artifact_type=found.artifact_type,
        annotations=notes,
        subject=found.subject.digest if found.subject else "",
    )


def _kind(found: _Either, media_type: str, what: str) -> str:
    """The one media type that header, document and content agree on."""
    is_index = found.manifests is not None
    if is_index and (found.layers is not None or found.config is not None):
        raise RegistryError(f"{what} is ambiguous: it has both layers and manifests")
    kind = media_type or found.media_type or (OCI_INDEX if is_index else OCI_MANIFEST)
    if found.media_type not in {"", kind}:
        raise RegistryError(f"{what} says {found.media_type!r}, but was sent as {kind!r}")
    if kind not in MANIFESTS | INDEXES or found.schema_version != 2:
        raise RegistryError(
            f"{what} is of type {kind[:120]!r}, schema {found.schema_version}",
            "Expected an OCI or Docker schema 2 image; push it anew with a newer program.",
        )
    if is_index != (kind in INDEXES):
        raise RegistryError(f"{what} was sent as {kind!r}, but its content is the other kind")
    return kind


def _descriptor(found: _Descriptor, what: str) -> Descriptor:
    if not 0 <= found.size <= MAX_INTEGER:
        raise RegistryError(f"{what}: blob {found.digest} has size {found.size}")
    kind = found.media_type or "application/octet-stream"
    return Descriptor(found.digest, found.size, kind, found.annotations or {})


def _child(found: _Descriptor, what: str) -> Child:
    return Child(_descriptor(found, what), platform_text(found.platform))


def platform_text(platform: _Platform | None) -> str | None:
    """`linux/arm64`, `linux/arm/v7`; arm64's only variant v8 is left out, as everybody does."""
    if platform is None:
        return None
    text = f"{platform.os}/{platform.architecture}"
    default = platform.architecture == "arm64" and platform.variant == "v8"
    return f"{text}/{platform.variant}" if platform.variant and not default else text
