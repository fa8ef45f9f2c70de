"""What refers to an image: signatures, attestations, SBOMs; found, and made findable again.

Three forms are in use. A manifest with a `subject` is listed by the registry's referrers API, or,
where that is missing, by an index under the tag `sha256-<hex>` that clients keep. Older tools tag a
manifest `sha256-<hex>.sig`, `.att` or `.sbom` and name no subject.
Source: OCI distribution-spec 1.1, "Listing Referrers", "Referrers Tag Schema"; cosign's SPEC.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from airferry_foundation import documents
from airferry_foundation.digests import hex_of
from airferry_foundation.errors import RegistryError, RegistryMismatchError, RegistryMissingError
from airferry_registry.client import RegistryClient
from airferry_registry.manifests import (
    INDEXES,
    MANIFESTS,
    MAX_BYTES,
    OCI_INDEX,
    Descriptor,
    Index,
    Manifest,
    StoredManifest,
)

SUFFIXES = (".sig", ".att", ".sbom")
MAX_REFERRERS = 1000
"""Of one image; more is no signature any more."""

_MOST_BYTES = 64 << 20
_DEPTH = 4  # a signature of an SBOM's attestation is the deepest that anybody makes


@dataclass(frozen=True, slots=True)
class Referrer:
    """One manifest about `subject`: itself and all that it needs; `tag` where that names it."""

    subject: str
    digest: str
    blobs: tuple[Descriptor, ...]
    tag: str = ""
    kind: str = ""


class ReferrerStore(Protocol):
    """What can be asked for the referrers of an image that it holds."""

    def referrers(self, subject: str) -> tuple[StoredManifest, ...]:
        """The manifests whose subject it is."""

    def tagged(self, tag: str) -> StoredManifest | None:
        """The manifest under a tag, None if there is none."""


def tag_of(subject: str, suffix: str = "") -> str:
    """The tag for what refers to a digest."""
    return f"sha256-{hex_of(subject)}{suffix}"


def find(store: ReferrerStore, subjects: Iterable[str], *, name: str) -> tuple[Referrer, ...]:
    """Everything that refers to these digests, and to what refers to them; sorted.

    RegistryError, naming the image, where there are more than `MAX_REFERRERS`.
    """
    found: dict[tuple[str, str], Referrer] = {}
    seen: set[str] = set()
    new = list(dict.fromkeys(subjects))
    for _ in range(_DEPTH):
        seen.update(new)
        layer = [one for subject in new for one in _of(store, subject)]
        found |= {(one.subject, one.digest): one for one in layer}
        if len(found) > MAX_REFERRERS:
            raise RegistryError(
                f"{name} has more than {MAX_REFERRERS} referrers", "Remove what nobody reads."
            )
        new = [one.digest for one in layer if one.digest not in seen]
    return tuple(found[key] for key in sorted(found))


def _of(store: ReferrerStore, subject: str) -> Iterator[Referrer]:
    for stored in store.referrers(subject):
        parsed = stored.parse()
        if isinstance(parsed, Manifest) and parsed.subject == subject:
            yield _referrer(subject, stored, parsed)
    for suffix in SUFFIXES:
        tag = tag_of(subject, suffix)
        tagged = store.tagged(tag)
        if tagged is not None and isinstance(content := tagged.parse(), Manifest):
            yield _referrer(subject, tagged, content, tag)


def _referrer(subject: str, stored: StoredManifest, parsed: Manifest, tag: str = "") -> Referrer:
    own = Descriptor(stored.digest, len(stored.data), parsed.media_type)
    blobs = tuple(dict.fromkeys((own, *parsed.blobs)))
    return Referrer(subject, stored.digest, blobs, tag, _kind(parsed))


def _kind(parsed: Manifest) -> str:
    return parsed.artifact_type or parsed.config.media_type


# --- in a registry --------------------------------------------------------------------------------


def in_repository(
    client: RegistryClient, repository: str, subject: str
) -> tuple[StoredManifest, ...]:
    """The manifests that refer to `subject`, by the API or by the tag that stands in for it."""
    listed = client.referrers(repository, subject)
    if listed is None:
        index = present(client, repository, tag_of(subject))
        parsed = index.parse() if index else None
        children = parsed.children if isinstance(parsed, Index) else ()
        listed = tuple(child.descriptor for child in children)
    known = [one for one in listed if one.media_type in MANIFESTS | INDEXES]
    found: list[StoredManifest] = []
    left = _MOST_BYTES
    for one in known[: MAX_REFERRERS + 1]:  # one more is too many: `find` says so
        stored = client.manifest(repository, one.digest)
        left -= len(stored.data)
        if left < 0:
            raise RegistryError(
                f"registry {client.settings.origin}: the manifests that refer to {subject} in "
                f"{repository} have more than {_MOST_BYTES >> 20} MiB",
                "Remove what nobody reads.",
            )
        found.append(stored)
    return tuple(found)


def present(client: RegistryClient, repository: str, reference: str) -> StoredManifest | None:
    """A manifest by tag or digest, None if it is not there."""
    try:
        return client.manifest(repository, reference)
    except RegistryMissingError:
        return None


def attach(client: RegistryClient, repository: str, subject: str, stored: StoredManifest) -> bool:
    """Make a manifest that is in the repository findable from its subject; whether it was not yet.

    A registry with the API does it by itself. For one without, the index under the tag
    `sha256-<hex>` is kept up: entries are only added. RegistryMismatchError where that tag stands
    for something that is no index.
    """
    listed = client.referrers(repository, subject)
    if listed is not None:
        if stored.digest in {one.digest for one in listed}:
            return False
        client.put_manifest(repository, stored.digest, stored.data, stored.media_type)
        return True
    tag = tag_of(subject)
    index = present(client, repository, tag)
    entries = _entries(client, repository, tag, index)
    if any(entry.get("digest") == stored.digest for entry in entries):
        return False
    content = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*entries, _entry(stored)]}
    client.put_manifest(repository, tag, documents.encode(content), OCI_INDEX)
    return True


def _entries(
    client: RegistryClient, repository: str, tag: str, index: StoredManifest | None
) -> list[dict[str, Any]]:
    if index is None:
        return []
    if not isinstance(index.parse(), Index) or len(index.data) > MAX_BYTES:
        raise RegistryMismatchError(
            f"registry {client.settings.origin}: tag {repository}:{tag} is no list of referrers",
            "Somebody made that tag by hand. Remove it there, then give the same command again.",
        )
    return list(msgspec.json.decode(index.data)["manifests"])


def _entry(stored: StoredManifest) -> dict[str, Any]:
    parsed = stored.parse()
    entry: dict[str, Any] = {
        "mediaType": parsed.media_type,
        "digest": stored.digest,
        "size": len(stored.data),
    }
    if isinstance(parsed, Manifest):
        entry["artifactType"] = _kind(parsed)
    if parsed.annotations:
        entry["annotations"] = dict(parsed.annotations)
    return entry
