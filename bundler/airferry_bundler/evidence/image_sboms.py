"""SBOMs of all images of a release: from the cache, else made out of layers that are fetched once.

`$AIRFERRY_CACHE/sboms/<syft version>/<image digest>.<format>`; may be removed at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from airferry_bundler.carried import CarriedImage, image_repository
from airferry_bundler.content import Evidence
from airferry_bundler.evidence import sbom
from airferry_bundler.evidence.blob_cache import BlobCache
from airferry_bundler.evidence.sbom import Subject, Syft
from airferry_bundler.resolve import MAX_CONFIG
from airferry_bundler.stores import Store
from airferry_foundation import files, programs
from airferry_foundation.digests import digest, hex_of
from airferry_foundation.errors import RegistryError
from airferry_foundation.progress import Progress, Task
from airferry_registry.manifests import Descriptor, Manifest, StoredManifest

_UNSAFE = re.compile(r"[^A-Za-z0-9._/-]+")
_CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
_NEVER = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Found:
    """An image, and where its manifests and layers are."""

    carried: CarriedImage
    store: Store


def make(images: Iterable[Found], progress: Progress) -> tuple[Evidence, ...]:
    """Both SBOMs of each platform of each image."""
    syft, blobs = sbom.find(), BlobCache.of_user()
    kept = files.make_folder(programs.cache_folder() / "sboms" / syft.version)
    work = [(one, *platform) for one in images for platform in _platforms(one)]
    task = progress.start("list what is in images", len(work), "items")
    made: list[Evidence] = []
    for found, platform, manifest_digest in work:
        made += _of_platform(found, platform, manifest_digest, (syft, blobs, kept), progress)
        task.advance(1)
    task.finish(f"{len(work)} images")
    return tuple(made)


def _platforms(found: Found) -> list[tuple[str, str]]:
    """Platforms with their manifests, each manifest once."""
    by_digest = {value: key for key, value in sorted(found.carried.image.platforms.items())}
    return sorted((platform, one) for one, platform in by_digest.items())


def _of_platform(
    found: Found,
    platform: str,
    manifest_digest: str,
    means: tuple[Syft, BlobCache, Path],
    progress: Progress,
) -> Iterator[Evidence]:
    syft, blobs, kept = means
    name = found.carried.image.name
    paths = {
        form: kept / f"{hex_of(manifest_digest)}-{hex_of(digest(name.encode()))[:12]}.{form}"
        for form in sbom.FORMATS
    }
    if not all(path.is_file() for path in paths.values()):
        for form, data in _scan(found, manifest_digest, syft, blobs, progress).items():
            files.write_atomic(paths[form], data)
    for form, path in paths.items():
        yield Evidence(
            title=title(name, platform, form),
            data=files.read_capped(path, sbom.MAX_BYTES),
            kind="sbom",
            about=manifest_digest,
        )


def title(name: str, platform: str, form: str) -> str:
    """What an SBOM is called among the files of the release."""
    safe = _UNSAFE.sub("-", name)
    if len(safe) > 180:
        safe = hex_of(digest(name.encode()))
    return f"sbom/images/{safe}/{platform.replace('/', '-')}{sbom.ENDINGS[form]}"


def _scan(
    found: Found, manifest_digest: str, syft: Syft, blobs: BlobCache, progress: Progress
) -> dict[str, bytes]:
    stored = found.store.manifest(manifest_digest)
    parsed = stored.parse()
    if not isinstance(parsed, Manifest):
        raise RegistryError(f"{found.carried.image.name}: {manifest_digest} is no manifest")
    task = progress.start("read layers", sum(blob.size for blob in parsed.blobs))
    with files.scratch_folder() as folder:
        _layout(folder, stored, parsed, blobs, found, task)
        task.finish()
        subject = Subject(
            name=found.carried.image.name,
            digest=manifest_digest,
            created=_created(found.store.small_blob(parsed.config.digest, MAX_CONFIG)),
        )
        return syft.scan(folder, subject)


def _layout(
    folder: Path,
    stored: StoredManifest,
    parsed: Manifest,
    blobs: BlobCache,
    found: Found,
    task: Task,
) -> None:
    """An OCI layout that holds one image; its blobs are links into the cache."""
    inside = files.make_folder(folder / "blobs" / "sha256")
    files.write_atomic(inside / hex_of(stored.digest), stored.data)
    repository = image_repository(found.carried.image.name)
    for blob in dict.fromkeys(parsed.blobs):
        link = inside / hex_of(blob.digest)
        if not link.exists():
            link.symlink_to(blobs.bring(blob, found.store, repository, task))
    own = Descriptor(stored.digest, len(stored.data), parsed.media_type)
    entry = {"mediaType": own.media_type, "digest": own.digest, "size": own.size}
    index = {"schemaVersion": 2, "manifests": [entry]}
    files.write_atomic(folder / "index.json", json.dumps(index).encode())
    files.write_atomic(folder / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')


def _created(config: bytes) -> str:
    """When an image says that it was made: the time of its SBOMs, whoever makes them when."""
    try:
        said = str(json.loads(config).get("created", ""))
    except (ValueError, RecursionError, AttributeError):
        said = ""
    match = _CREATED.match(said)
    return f"{match[0]}Z" if match else _NEVER
