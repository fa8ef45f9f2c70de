"""An image's name to what is carried of it: manifests and configurations read, no layers.

All platforms of an index are carried: the index is what is pushed and what workloads are pinned to.
Some are filtered out: registries would refuse the index, so it travels as evidence only, and
workloads get the platform's own manifest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Protocol

import msgspec

from airferry_archive.release import Image
from airferry_foundation.errors import ImageReferenceError, RegistryError
from airferry_registry.manifests import (
    Descriptor,
    Index,
    Manifest,
    StoredManifest,
)

MAX_CONFIG = 8 << 20
_ATTESTATIONS = "unknown/"
"""Build tools add children for unknown/unknown: statements about the others, which go with them."""


class ManifestStore(Protocol):
    """What an image is resolved in: a repository of a registry, an OCI layout, a docker archive."""

    def manifest(self, version: str) -> StoredManifest:
        """The manifest or index of a tag or digest."""

    def small_blob(self, digest: str, cap: int) -> bytes:
        """A blob of at most `cap` bytes, verified."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """An image pinned, and a descriptor of each blob that it needs."""

    image: Image
    blobs: tuple[Descriptor, ...]


class _Config(msgspec.Struct, frozen=True):
    os: str = ""
    architecture: str = ""
    variant: str = ""


def resolve(name: str, version: str, store: ManifestStore, platforms: Sequence[str]) -> Resolved:
    """Pin an image.

    Raises ImageReferenceError where it lacks a platform of the spec, or has more than can be kept.
    """
    stored = store.manifest(version)
    parsed = stored.parse()
    if isinstance(parsed, Index):
        return _resolve_index(name, stored, parsed, store, platforms)
    found = _platform(name, parsed, store)
    if found is None:
        raise ImageReferenceError(
            f"{name} is no runnable image: its configuration names no platform",
            "Charts go under `charts:`, other artifacts under `files:`.",
        )
    chosen = _choose(name, {found: _described(stored, parsed)}, platforms)
    image = Image(name=name, digest=stored.digest, platforms=dict.fromkeys(chosen, stored.digest))
    return Resolved(image, (_described(stored, parsed), *parsed.blobs))


def _resolve_index(
    name: str,
    stored: StoredManifest,
    index: Index,
    store: ManifestStore,
    platforms: Sequence[str],
) -> Resolved:
    read = cache(partial(_child, name, store))
    offered: dict[str, Descriptor] = {}
    for child in index.children:
        platform = child.platform or _platform(name, read(child.descriptor)[1], store)
        if platform and not platform.startswith(_ATTESTATIONS):
            offered.setdefault(platform, child.descriptor)
    chosen = _choose(name, offered, platforms)
    pinned = {platform: descriptor.digest for platform, descriptor in chosen.items()}
    whole = set(pinned.values()) == {descriptor.digest for descriptor in offered.values()}
    kept = [c.descriptor for c in index.children if whole or c.descriptor.digest in pinned.values()]
    blobs = [_described(stored, index)]
    for descriptor in dict.fromkeys(kept):
        manifest, parsed = read(descriptor)
        blobs += (_described(manifest, parsed), *parsed.blobs)
    image = Image(
        name=name,
        digest=stored.digest if whole else _only(name, offered, pinned),
        index=None if whole else stored.digest,
        platforms=pinned,
    )
    return Resolved(image, tuple(dict.fromkeys(blobs)))


def _platform(name: str, manifest: Manifest, store: ManifestStore) -> str | None:
    """An image's platform, by its configuration; None for what is no image."""
    try:
        data = store.small_blob(manifest.config.digest, MAX_CONFIG)
        config = msgspec.json.decode(data, type=_Config)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RegistryError(f"{name}: its configuration can't be read: {error}") from None
    if not config.os or not config.architecture:
        return None
    plain = f"{config.os}/{config.architecture}"
    usual = plain.endswith("/arm64") and config.variant == "v8"  # which nobody writes out
    return f"{plain}/{config.variant}" if config.variant and not usual else plain


def _choose(
    name: str, offered: Mapping[str, Descriptor], platforms: Sequence[str]
) -> dict[str, Descriptor]:
    """What serves each platform of the spec: exactly it, else the only variant of it."""
    chosen: dict[str, Descriptor] = {}
    missing = []
    for wanted in platforms:
        variants = [p for p in offered if p == wanted] or [
            p for p in offered if p.startswith(f"{wanted}/")
        ]
        if len(variants) == 1:
            chosen[wanted] = offered[variants[0]]
        else:
            missing.append(wanted)
    if missing:
        raise ImageReferenceError(
            f"{name} has no {', '.join(missing)}; it has {', '.join(sorted(offered)) or 'none'}",
            "Correct `platforms:` in airferry.yaml, or take an image that has them.",
        )
    return chosen


def _child(name: str, store: ManifestStore, child: Descriptor) -> tuple[StoredManifest, Manifest]:
    """What an index names; RegistryError for an index in an index."""
    stored = store.manifest(child.digest)
    parsed = stored.parse()
    if isinstance(parsed, Index):
        raise RegistryError(
            f"{name}: its index holds another index ({child.digest}), which can't be carried",
            "Name the inner index as the image, or push an index of its manifests.",
        )
    return stored, parsed


def _described(stored: StoredManifest, parsed: Manifest | Index) -> Descriptor:
    """What names a manifest; its media type as its own content has it: layouts may not say it."""
    return Descriptor(stored.digest, len(stored.data), parsed.media_type)


def _only(name: str, offered: Iterable[str], pinned: Mapping[str, str]) -> str:
    """The digest of the one platform that is left of an index."""
    digests = set(pinned.values())
    if len(digests) == 1:
        return digests.pop()
    raise ImageReferenceError(
        f"{name}: its index has {', '.join(sorted(offered))}; {', '.join(sorted(pinned))} can't "
        "be pushed without the rest, since registries refuse an index whose children are missing",
        "List all of its platforms or a single one, or push an index of just those.",
    )
