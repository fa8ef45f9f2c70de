"""What differs between two releases: what a signer reads before signing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from airferry_archive.release import Blob, Release
from airferry_foundation import documents
from airferry_foundation.digests import short

_FACTS = (
    "product", "version", "epoch", "release_counter", "security_floor", "root_version",
    "recommended_until", "audience", "platforms", "upgrade_from", "required_stops", "requires",
    "telemetry", "extensions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: of what part, called what, and both sides in words ('' where it is not)."""

    part: str
    name: str
    before: str
    after: str

    @property
    def action(self) -> Literal["added", "removed", "changed"]:
        """What happened to it."""
        if not self.before:
            return "added"
        return "changed" if self.after else "removed"


@dataclass(frozen=True, slots=True)
class Difference:
    """All differences; bytes are those of unique blobs."""

    changes: tuple[Change, ...]
    blobs_added: int
    blobs_removed: int
    blobs_kept: int
    bytes_to_carry: int
    bytes_kept: int

    @property
    def same(self) -> bool:
        """Whether both releases say the same."""
        return not self.changes


def compare(old: Release, new: Release) -> Difference:
    """What changes from `old` to `new`, and the bytes that a site which has `old` lacks."""
    before, after = _by_digest(old.blobs), _by_digest(new.blobs)
    added, kept = after.keys() - before.keys(), after.keys() & before.keys()
    return Difference(
        changes=(*_facts(old, new), *_parts(old, new)),
        blobs_added=len(added),
        blobs_removed=len(before.keys() - after.keys()),
        blobs_kept=len(kept),
        bytes_to_carry=sum(after[digest].size for digest in added),
        bytes_kept=sum(after[digest].size for digest in kept),
    )


def _by_digest(blobs: Iterable[Blob]) -> dict[str, Blob]:
    return {blob.digest: blob for blob in blobs}


def _facts(old: Release, new: Release) -> Iterable[Change]:
    for name in _FACTS:
        before, after = _words(getattr(old, name)), _words(getattr(new, name))
        if before != after:
            yield Change("release", name, before or "none", after or "none")


def _parts(old: Release, new: Release) -> Iterable[Change]:
    for part, entries in (
        ("image", _images), ("referrer", _referrers), ("chart", _charts),
        ("manifests", _manifests), ("input", _inputs), ("generated", _generated),
        ("tool", _tools), ("attachment", _attachments),
    ):  # fmt: skip
        before, after = entries(old), entries(new)
        for name in sorted(before.keys() | after.keys()):
            change = Change(part, name, before.get(name, ""), after.get(name, ""))
            if change.before != change.after:
                yield change


def _images(release: Release) -> Mapping[str, str]:
    """By repository, so that a new tag is a change and not a removal and an addition."""
    named: dict[str, list[str]] = {}
    for image in release.images:
        repository, tag = _split_tag(image.name)
        platforms = ", ".join(sorted(image.platforms))
        named.setdefault(repository, []).append(f"{tag} {short(image.digest)} ({platforms})")
    return {repository: "; ".join(sorted(tags)) for repository, tags in named.items()}


def _referrers(release: Release) -> Mapping[str, str]:
    """Signatures and the like, by what they are about."""
    names = {image.digest: image.name for image in release.images}
    names |= {one: image.name for image in release.images for one in image.platforms.values()}
    found: dict[str, list[str]] = {}
    for one in release.referrers:
        about = names.get(one.subject, short(one.subject))
        found.setdefault(about, []).append(f"{one.kind} {short(one.digest)}")
    return {about: "; ".join(sorted(several)) for about, several in found.items()}


def _split_tag(name: str) -> tuple[str, str]:
    path, _, digest = name.partition("@")
    head, colon, tag = path.rpartition(":")
    if colon and "/" not in tag:
        return head, f":{tag}"
    return path, f"@{short(digest)}" if digest else ""


def _charts(release: Release) -> Mapping[str, str]:
    return {
        chart.name: f"{chart.version} {short(chart.content)}, as {chart.release_name} in "
        f"{chart.namespace}, values {' '.join(map(short, chart.values)) or 'none'}, "
        f"schema {short(chart.schema) if chart.schema else 'none'}"
        for chart in release.charts
    }


def _manifests(release: Release) -> Mapping[str, str]:
    return {m.name: f"{short(m.digest)} in {m.namespace}" for m in release.manifests}


def _inputs(release: Release) -> Mapping[str, str]:
    return {given.name: _words(given) for given in release.inputs}


def _generated(release: Release) -> Mapping[str, str]:
    return {f"{g.chart} {g.kind}/{g.name} {g.path}": "generated" for g in release.generated}


def _tools(release: Release) -> Mapping[str, str]:
    return {f"{t.name} {t.os}/{t.arch}": f"{t.version} {short(t.digest)}" for t in release.tools}


def _attachments(release: Release) -> Mapping[str, str]:
    return {f"{a.kind} {a.title}": short(a.digest) for a in release.attachments}


def _words(value: Any) -> str:
    """A value of a release in a line."""
    if isinstance(value, msgspec.Struct):
        return documents.encode(value).decode()
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return documents.encode(value).decode() if value else ""
    return "" if value is None else str(value)
