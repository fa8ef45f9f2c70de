"""What differs between two releases: what a signer reads before signing. Pure.

Whole digests, since the first digits of one can be made to look like another's; and every field but
the time of issue and the generated members, which follow from the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from airferry_archive.release import Blob, Release
from airferry_foundation import documents
from airferry_foundation.documents import Document

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
        return not (self.changes or self.blobs_added or self.blobs_removed)


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


@dataclass(frozen=True, slots=True)
class _Said:
    """One entry of a part: what it is called, in words, and all that it says."""

    name: str
    words: str
    exact: Document


def _parts(old: Release, new: Release) -> Iterable[Change]:
    for part, entries in (
        ("image", _images), ("referrer", _referrers), ("chart", _charts),
        ("manifests", _manifests), ("input", _inputs), ("generated", _generated),
        ("tool", _tools), ("attachment", _attachments),
    ):  # fmt: skip
        before, after = _by_name(entries(old)), _by_name(entries(new))
        for name in sorted(before.keys() | after.keys()):
            sides = before.get(name, []), after.get(name, [])
            if _exactly(sides[0]) != _exactly(sides[1]):
                yield _change(part, name, *sides)
    yield from _blobs(old, new)


def _by_name(entries: Iterable[_Said]) -> Mapping[str, list[_Said]]:
    """By name; a name that stands twice has both entries."""
    found: dict[str, list[_Said]] = {}
    for one in entries:
        found.setdefault(one.name, []).append(one)
    return found


def _change(part: str, name: str, before: Iterable[_Said], after: Iterable[_Said]) -> Change:
    """A change in words; exactly, where what changed is nothing that the words tell."""
    told = ["; ".join(sorted(one.words for one in side)) for side in (before, after)]
    if told[0] == told[1]:
        told = [_exactly(before), _exactly(after)]
    return Change(part, name, *told)


def _exactly(side: Iterable[_Said]) -> str:
    return "; ".join(sorted(documents.encode(one.exact).decode() for one in side))


def _blobs(old: Release, new: Release) -> Iterable[Change]:
    """Blobs of both that are described in another way; the rest is counted."""
    before, after = _by_digest(old.blobs), _by_digest(new.blobs)
    for one in sorted(before.keys() & after.keys()):
        if before[one] != after[one]:
            yield Change("blob", one, _words(before[one]), _words(after[one]))


def _images(release: Release) -> Iterable[_Said]:
    """By repository, so that a new tag is a change and not a removal and an addition."""
    for image in release.images:
        repository, tag = _split_tag(image.name)
        platforms = ", ".join(sorted(image.platforms))
        yield _Said(repository, f"{tag} {image.digest} ({platforms})", image)


def _referrers(release: Release) -> Iterable[_Said]:
    """Signatures and the like, by what they are about."""
    names = {image.digest: image.name for image in release.images}
    names |= {one: image.name for image in release.images for one in image.platforms.values()}
    for one in release.referrers:
        yield _Said(names.get(one.subject, one.subject), f"{one.kind} {one.digest}", one)


def _split_tag(name: str) -> tuple[str, str]:
    path, _, digest = name.partition("@")
    head, colon, tag = path.rpartition(":")
    if colon and "/" not in tag:
        return head, f":{tag}"
    return path, f"@{digest}" if digest else ""


def _charts(release: Release) -> Iterable[_Said]:
    for chart in release.charts:
        yield _Said(
            chart.name,
            f"{chart.version} {chart.content}, as {chart.release_name} in {chart.namespace}, "
            f"values {' '.join(chart.values) or 'none'}, schema {chart.schema or 'none'}",
            chart,
        )


def _manifests(release: Release) -> Iterable[_Said]:
    for one in release.manifests:
        yield _Said(one.name, f"{one.digest} in {one.namespace}", one)


def _inputs(release: Release) -> Iterable[_Said]:
    for one in release.inputs:
        yield _Said(one.name, _words(one), one)


def _generated(release: Release) -> Iterable[_Said]:
    for one in release.generated:
        yield _Said(f"{one.chart} {one.kind}/{one.name} {one.path}", "generated", one)


def _tools(release: Release) -> Iterable[_Said]:
    for one in release.tools:
        yield _Said(f"{one.name} {one.os}/{one.arch}", f"{one.version} {one.digest}", one)


def _attachments(release: Release) -> Iterable[_Said]:
    for one in release.attachments:
        yield _Said(f"{one.kind} {one.title}", one.digest, one)


def _words(value: Any) -> str:
    """A value of a release in a line."""
    if isinstance(value, msgspec.Struct):
        return documents.encode(value).decode()
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return documents.encode(value).decode() if value else ""
    return "" if value is None else str(value)
