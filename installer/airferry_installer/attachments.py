"""What travels beside the content of a release: SBOMs, provenance, documents, upstream signatures.

Read out of an admitted bundle, before anything is loaded; each blob is verified before it is given
out. Names are those of the release: relative, without `..`, checked here once more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from airferry_archive.reader import BundleReader
from airferry_archive.release import Attachment, Release
from airferry_foundation import files
from airferry_foundation.digests import hex_of
from airferry_foundation.errors import InputError, MissingInputError
from airferry_registry.manifests import Manifest
from airferry_registry.manifests import parse as parse_manifest

MAX_BYTES = 64 << 20
UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can be exported: where it would go, what it is, and whether it is carried.

    `about` says of what it is: an image's name, a digest, or '' for the release. Upstream ones are
    manifests that refer to an image: they go out as a folder with all of their parts.
    """

    path: str
    kind: str
    about: str
    digest: str
    size: int
    carried: bool
    upstream: bool = False


def entries(release: Release, carried: Iterable[str]) -> tuple[Entry, ...]:
    """Everything that travels beside the content, sorted by path."""
    sizes = {blob.digest: blob.size for blob in release.blobs}
    here = frozenset(carried)
    names = _names(release)
    found = [
        *(_attachment(one, sizes, here, names) for one in release.attachments),
        *(
            Entry(
                path=f"{UPSTREAM}/{hex_of(one.subject)[:16]}/{hex_of(one.digest)[:16]}",
                kind=one.kind,
                about=names.get(one.subject, one.subject),
                digest=one.digest,
                size=sizes.get(one.digest, 0),
                carried=one.digest in here,
                upstream=True,
            )
            for one in release.referrers
        ),
    ]
    return tuple(sorted(found, key=lambda one: (one.path, one.kind)))


def chosen(
    found: Iterable[Entry], *, kinds: Iterable[str] = (), paths: Iterable[str] = ()
) -> tuple[Entry, ...]:
    """Those of the kinds and with paths that fit a pattern; all where nothing is asked for.

    InputError where nothing is left.
    """
    wanted, patterns = frozenset(kinds), tuple(paths)
    known = tuple(found)
    left = tuple(
        one
        for one in known
        if (not wanted or one.kind in wanted)
        and (not patterns or any(fnmatchcase(one.path, pattern) for pattern in patterns))
    )
    if not left:
        kinds_here = ", ".join(sorted({one.kind for one in known})) or "none"
        raise InputError(
            "the release has no such attachment",
            f"`attachments list` shows them; their kinds are: {kinds_here}.",
        )
    return left


def export(reader: BundleReader, wanted: Iterable[Entry], folder: Path) -> tuple[Path, ...]:
    """Write attachments into a folder; nothing that is there is replaced.

    MissingInputError, before anything is written, where a delta does not carry one of them.
    """
    listed = tuple(wanted)
    absent = [one.path for one in listed if not one.carried]
    if absent:
        raise MissingInputError(
            f"this delta does not carry {', '.join(absent[:5])}",
            "Ask the bundle that brought it, or choose others with --kind or --path.",
        )
    contents = [pair for one in listed for pair in _contents(reader, one)]
    targets = [(_target(folder, name), data) for name, data in dict(contents).items()]
    for target, _ in targets:
        if target.exists():
            raise InputError(f"{target} exists already", "Choose an empty folder with -o.")
    for target, data in targets:
        files.make_folder(target.parent)
        files.write_new(target, data)
    return tuple(target for target, _ in targets)


def _names(release: Release) -> dict[str, str]:
    """Digest to image, with the platform where it is one platform's."""
    names = {}
    for image in release.images:
        for platform, one in image.platforms.items():
            names[one] = f"{image.name} ({platform})"
        names[image.digest] = image.name
        if image.index is not None:
            names[image.index] = image.name
    return names | {chart.content: f"chart {chart.name}" for chart in release.charts}


def _attachment(
    one: Attachment, sizes: dict[str, int], here: frozenset[str], names: dict[str, str]
) -> Entry:
    return Entry(
        path=one.title,
        kind=one.kind,
        about=names.get(one.about, one.about) if one.about else "",
        digest=one.digest,
        size=sizes.get(one.digest, 0),
        carried=one.digest in here,
    )


def _contents(reader: BundleReader, one: Entry) -> Iterator[tuple[str, bytes]]:
    data = reader.blob(one.digest, MAX_BYTES)
    if not one.upstream:
        yield one.path, data
        return
    yield f"{one.path}/manifest.json", data
    parsed = parse_manifest(data, name=one.path)
    if isinstance(parsed, Manifest):
        for part in parsed.layers:
            yield f"{one.path}/{hex_of(part.digest)}", reader.blob(part.digest, MAX_BYTES)


def _target(folder: Path, name: str) -> Path:
    plain = PurePosixPath(name)
    if plain.is_absolute() or ".." in plain.parts:
        raise InputError(f"{name!r} would leave {folder}", "Report it to the vendor.")
    return folder / plain
