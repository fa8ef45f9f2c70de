"""A signed release to a registry: images, charts and files by digest, the release as an artifact.

All of it goes into one repository, so that registries without nested paths, or that want each
repository made first, take it too. The artifact's tag comes last, when everything that it needs is
there; called again, only what is missing is sent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from airferry_archive import published
from airferry_archive.header import RELEASE
from airferry_archive.layout import Header
from airferry_archive.media_types import INDEXES, is_manifest
from airferry_archive.release import Blob, Release
from airferry_foundation.digests import digest, hex_of
from airferry_foundation.errors import InputError, RegistryMissingError
from airferry_foundation.parallel import run_all
from airferry_foundation.progress import SILENT, Progress, Task
from airferry_registry import manifests, referrers
from airferry_registry.client import RegistryClient
from airferry_registry.manifests import OCI_MANIFEST, TITLE, Descriptor, Manifest
from airferry_registry.oras_adapter import OrasRepository
from airferry_registry.push import push_blob

WORKERS = 4

Open = Callable[[Blob], Iterable[memoryview | bytes]]
"""The bytes of a blob of the release, as often as they are asked for."""


@dataclass(frozen=True, slots=True)
class Material:
    """What is published: a judged header, its release, the bytes.

    `carried` are the digests that `open` can give. `nearby` gives repositories of the same registry
    that may hold a blob, to mount it from.
    """

    header: Header
    release: Release
    carried: frozenset[str]
    open: Open
    nearby: Callable[[Blob], Iterable[str]] = lambda _blob: ()


@dataclass(slots=True)
class Published:
    """What was done. `digest` is the artifact's; `bytes_sent` those of blobs of the release."""

    repository: str
    tag: str
    digest: str = ""
    sent: int = 0
    mounted: int = 0
    present: int = 0
    manifests: int = 0
    bytes_sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, what: str, size: int = 0) -> None:
        """One more; safe to call from several threads."""
        with self._lock:
            setattr(self, what, getattr(self, what) + 1)
            self.bytes_sent += size


def publish(
    material: Material,
    client: RegistryClient,
    repository: str,
    tag: str = "",
    *,
    workers: int = WORKERS,
    progress: Progress = SILENT,
) -> Published:
    """Publish to `repository`; `tag` '' means the release's version.

    InputError where the tag stands for another release; RegistryMissingError for a delta whose rest
    is not there.
    """
    release = material.release
    done = Published(repository, tag or release.version)
    artifacts = OrasRepository(client, repository)
    _expect_free(artifacts, done.tag, digest(material.header.release))
    evidence = published.evidence_of(release)
    apart = [b for b in release.blobs if is_manifest(b.media_type) and b not in evidence]
    layers = [blob for blob in release.blobs if blob not in apart]
    sender = _Sender(material, client, repository, done)
    sender.all_blobs(layers, workers, progress)
    sender.all_manifests(sorted(apart, key=lambda blob: blob.media_type in INDEXES))
    sender.attach()
    made = published.artifact(material.header, release)
    for data in made.own.values():
        artifacts.upload(Descriptor(digest(data), len(data), ""), [data])
    done.digest = artifacts.upload_manifest(done.tag, made.manifest, OCI_MANIFEST)
    return done


def _expect_free(artifacts: OrasRepository, tag: str, release: str) -> None:
    """A tag is moved only from a release to the same one: with more signatures, newer roots."""
    if artifacts.client.has_manifest(artifacts.repository, tag) is None:
        return
    parsed = artifacts.manifest(tag).parse()
    layers = parsed.layers if isinstance(parsed, Manifest) else ()
    found = next((one.digest for one in layers if one.annotations.get(TITLE) == RELEASE), None)
    if found != release:
        raise InputError(
            f"{artifacts.client.settings.address}/{artifacts.repository}:{tag} stands for "
            + (f"another release, {found}" if found else "something that is no release")
            + f"; this one is {release}",
            "A published release is never replaced: raise the version, or name another tag.",
        )


@dataclass(frozen=True, slots=True)
class _Sender:
    material: Material
    client: RegistryClient
    repository: str
    done: Published

    def all_blobs(self, blobs: Sequence[Blob], workers: int, progress: Progress) -> None:
        """Every blob that is no manifest; RegistryMissingError for those that nobody has."""
        task = progress.start("Publishing", sum(blob.size for blob in blobs))
        largest_first = sorted(blobs, key=lambda blob: blob.size, reverse=True)
        stop = threading.Event()
        run_all((partial(self._blob, task, stop, b) for b in largest_first), workers, stop)
        task.finish()

    def _blob(self, task: Task, stop: threading.Event, blob: Blob) -> None:
        if stop.is_set():
            return
        if self.client.blob_size(self.repository, blob.digest) == blob.size:
            self.done.count("present")
            task.settle(blob.size)
            return
        for other in self.material.nearby(blob):
            if self.client.mount(self.repository, blob.digest, other):
                self.done.count("mounted")
                task.settle(blob.size)
                return
        self._expect_carried(blob)
        named = (self.repository, blob.digest, blob.size)
        push_blob(self.client, *named, _Until(self.material.open(blob), stop), task=task)
        self.done.count("sent", blob.size)

    def all_manifests(self, stored: Sequence[Blob]) -> None:
        """Manifests byte for byte, then indexes; a tag for each that no index names."""
        nested: set[str] = set()
        for blob in stored:
            if self.client.has_manifest(self.repository, blob.digest) == blob.digest:
                self.done.count("present")
                data = self.client.manifest(self.repository, blob.digest).data
            else:
                self._expect_carried(blob)
                data = b"".join(bytes(chunk) for chunk in self.material.open(blob))
                self.client.put_manifest(self.repository, blob.digest, data, blob.media_type)
                self.done.count("manifests")
            parsed = manifests.parse(data, blob.media_type)
            nested |= {child.descriptor.digest for child in getattr(parsed, "children", ())}
        for blob in stored:
            tag = f"airferry-{hex_of(blob.digest)[:16]}"
            if blob.digest not in nested and not self.client.has_manifest(self.repository, tag):
                data = self.client.manifest(self.repository, blob.digest).data
                self.client.put_manifest(self.repository, tag, data, blob.media_type)

    def attach(self) -> None:
        """Signatures and the like are found beside their images, as the registry has it."""
        for one in self.material.release.referrers:
            stored = self.client.manifest(self.repository, one.digest)
            if one.tag is None:
                referrers.attach(self.client, self.repository, one.subject, stored)
            elif self.client.has_manifest(self.repository, one.tag) is None:
                self.client.put_manifest(self.repository, one.tag, stored.data, stored.media_type)

    def _expect_carried(self, blob: Blob) -> None:
        if blob.digest not in self.material.carried:
            raise RegistryMissingError(
                f"blob {blob.digest} is neither in the bundle, which is a delta, nor in "
                f"{self.client.settings.address}/{self.repository}",
                "Publish a full bundle, or `publish -f` from the spec.",
            )


@dataclass(frozen=True, slots=True)
class _Until:
    """Chunks that end early when another blob failed; again and again."""

    chunks: Iterable[memoryview | bytes]
    stop: threading.Event

    def __iter__(self) -> Iterator[memoryview | bytes]:
        for chunk in self.chunks:
            if self.stop.is_set():
                return  # the upload then has too few bytes, and is cancelled
            yield chunk
