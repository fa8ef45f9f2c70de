"""Registry repositories, OCI layouts and docker archives behind one face.

`manifest` and `small_blob` are what `resolve` asks; `copy` is what `build` asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from airferry_archive.release import Blob
from airferry_foundation.digests import is_digest
from airferry_foundation.errors import MissingInputError, RegistryMismatchError
from airferry_foundation.progress import Task
from airferry_registry import pull, referrers
from airferry_registry.client import RegistryClient
from airferry_registry.image_layouts import DockerArchive, OciLayout
from airferry_registry.manifests import INDEXES, MANIFESTS, REF_NAME, StoredManifest
from airferry_registry.referrers import ReferrerStore
from airferry_registry.streams import BlobSource, Taker, chunks

_CONTAINERD_NAME = "io.containerd.image.name"


class Store(ReferrerStore, Protocol):
    """What holds an image, and what refers to it."""

    def manifest(self, version: str) -> StoredManifest:
        """The manifest or index of a tag, name or digest."""

    def small_blob(self, digest: str, cap: int) -> bytes:
        """A blob of at most `cap` bytes, verified."""

    def copy(self, blob: Blob, taker: Taker, task: Task) -> None:
        """Give a blob's bytes to `taker`, from where it is on; `task` is told of each chunk.

        RegistryMismatchError if `taker` then has other bytes than the blob's.
        """


class LocalStore(Store, Protocol):
    """What holds images beside the spec."""

    def image_name(self, inner: str) -> str | None:
        """What the image called `inner` says that it is called outside, None if nothing."""


@dataclass(frozen=True, slots=True)
class RepositoryStore:
    """One repository of a registry."""

    client: RegistryClient
    repository: str

    def manifest(self, version: str) -> StoredManifest:
        """The manifest or index of a tag or digest."""
        return self.client.manifest(self.repository, version)

    def small_blob(self, digest: str, cap: int) -> bytes:
        """A blob of at most `cap` bytes, verified."""
        return self.client.small_blob(self.repository, digest, cap)

    def copy(self, blob: Blob, taker: Taker, task: Task) -> None:
        """Stream a blob; a manifest is asked for as such: not all registries serve it as a blob."""
        if blob.media_type in MANIFESTS | INDEXES:
            _give(self.manifest(blob.digest).data, taker, task)
        else:
            named = (blob.digest, blob.size)
            pull.fetch_into(self.client, self.repository, named, taker, task=task)

    def referrers(self, subject: str) -> tuple[StoredManifest, ...]:
        """The manifests whose subject it is."""
        return referrers.in_repository(self.client, self.repository, subject)

    def tagged(self, tag: str) -> StoredManifest | None:
        """The manifest under a tag."""
        return referrers.present(self.client, self.repository, tag)


@dataclass(frozen=True, slots=True)
class LayoutStore:
    """An OCI image layout in a folder."""

    layout: OciLayout

    @classmethod
    def open(cls, path: Path) -> LayoutStore:
        """The layout in the folder `path`."""
        return cls(OciLayout(path))

    def manifest(self, version: str) -> StoredManifest:
        """The manifest or index of a name in index.json, or of a digest."""
        if is_digest(version):
            return StoredManifest(self.layout.read(version), "", version)
        return self.layout.manifest(self.layout.resolve(version))

    def small_blob(self, digest: str, cap: int) -> bytes:
        """A blob of at most `cap` bytes, verified."""
        return self.layout.read(digest, cap)

    def copy(self, blob: Blob, taker: Taker, task: Task) -> None:
        """Stream a blob from its file."""
        _stream(self.layout, blob, taker, task)

    def referrers(self, subject: str) -> tuple[StoredManifest, ...]:
        """The manifests in index.json whose subject it is."""
        return self.layout.referrers(subject)

    def tagged(self, tag: str) -> StoredManifest | None:
        """The manifest of that name in index.json."""
        return self.layout.named(tag)

    def image_name(self, inner: str) -> str | None:
        """What containerd's annotation says, or a name in index.json that has a path."""
        notes = self.layout.resolve(inner).annotations
        known = notes.get(_CONTAINERD_NAME, notes.get(REF_NAME, ""))
        return known if "/" in known else None


@dataclass(frozen=True, slots=True)
class ArchiveStore:
    """A tar that `docker save` wrote."""

    archive: DockerArchive

    @classmethod
    def open(cls, path: Path) -> ArchiveStore:
        """The archive at `path`."""
        return cls(DockerArchive(path))

    def manifest(self, version: str) -> StoredManifest:
        """The manifest, as it is made anew each time, of a name or of its digest."""
        if not is_digest(version):
            return self.archive.resolve(version)
        for name in self.archive.names() or ("",):
            made = self.archive.resolve(name)
            if made.digest == version:
                return made
        raise MissingInputError(
            f"{self.archive.path} holds no image with the digest {version} any more",
            "Run `airferry-bundler lock` again.",
        )

    def small_blob(self, digest: str, cap: int) -> bytes:
        """A blob of at most `cap` bytes."""
        return self.archive.read(digest, cap)

    def copy(self, blob: Blob, taker: Taker, task: Task) -> None:
        """Stream a blob out of the tar."""
        if blob.media_type in MANIFESTS:
            _give(self.manifest(blob.digest).data, taker, task)
        else:
            _stream(self.archive, blob, taker, task)

    def referrers(self, subject: str) -> tuple[StoredManifest, ...]:  # noqa: ARG002 - as the others
        """None: `docker save` leaves them out."""
        return ()

    def tagged(self, tag: str) -> StoredManifest | None:  # noqa: ARG002 - as the others
        """None."""
        return None

    def image_name(self, inner: str) -> str | None:
        """The only tag that the archive holds, or the one that was asked for."""
        if inner:
            return inner
        names = self.archive.names()
        return names[0] if len(names) == 1 else None


def _give(data: bytes, taker: Taker, task: Task) -> None:
    rest = memoryview(data)[taker.taken :]
    taker.write(rest)
    task.advance(len(rest))


def _stream(source: BlobSource, blob: Blob, taker: Taker, task: Task) -> None:
    """Copy, and look at the hash: what was on the disk at `lock` may be another thing now."""
    seen = taker.taken
    with source.open(blob.digest, seen) as reader:
        for chunk in chunks(reader):
            seen += len(chunk)
            if seen > blob.size:
                break
            taker.write(chunk)
            task.advance(len(chunk))
    if seen != blob.size or taker.digest != blob.digest:
        raise RegistryMismatchError(
            f"{blob.digest} of {blob.repositories[0]} is damaged at its origin: other bytes came",
            "Make the layout or archive anew, then lock again.",
        )
