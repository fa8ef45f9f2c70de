"""Layers that were read at `lock`, kept so that `build` need not fetch them again.

`$AIRFERRY_CACHE/blobs/sha256/<hex>`; whatever is in it may be removed at any time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from airferry_archive.release import Blob
from airferry_bundler.stores import Store
from airferry_foundation import files, programs
from airferry_foundation.digests import hex_of
from airferry_foundation.errors import RegistryMismatchError
from airferry_foundation.progress import Task
from airferry_registry.manifests import Descriptor
from airferry_registry.streams import Taker, chunks


@dataclass(frozen=True, slots=True)
class BlobCache:
    """A folder of blobs by digest."""

    folder: Path

    @classmethod
    def of_user(cls) -> BlobCache:
        """The one in the cache folder."""
        return cls(programs.cache_folder() / "blobs" / "sha256")

    def path(self, digest: str) -> Path:
        """Where a blob is, or would be."""
        return self.folder / hex_of(digest)

    def holds(self, blob: Blob) -> bool:
        """Whether a blob of that size is there; its bytes are not looked at."""
        path = self.path(blob.digest)
        return path.is_file() and path.stat().st_size == blob.size

    def bring(self, descriptor: Descriptor, store: Store, repository: str, task: Task) -> Path:
        """The file of a blob, fetched if it is not there; RegistryMismatchError if it is wrong."""
        blob = Blob(
            digest=descriptor.digest,
            size=descriptor.size,
            media_type=descriptor.media_type,
            repositories=(repository,),
        )
        path = self.path(blob.digest)
        if self.holds(blob):
            task.settle(blob.size)
            return path
        files.make_folder(self.folder)
        with files.fresh(path) as file:
            taker = _Taker(file)
            store.copy(blob, taker, task)
            _expect(blob, taker, "what was fetched for the SBOM")
        return path

    def deliver(self, blob: Blob, taker: Taker, task: Task) -> None:
        """Give a blob to `taker`; one that is damaged here is removed, then it is an error."""
        path = self.path(blob.digest)
        with files.media_errors(path), path.open("rb", buffering=0) as file:
            file.seek(taker.taken)
            for chunk in chunks(file):
                taker.write(chunk)
                task.advance(len(chunk))
        if taker.taken != blob.size or taker.digest != blob.digest:
            files.remove(path)
            raise RegistryMismatchError(
                f"{path} in the cache was damaged; it is removed now",
                "Give the same command again.",
            )


@dataclass(slots=True)
class _Taker:
    """Writes and hashes."""

    file: BinaryIO
    taken: int = 0
    _hasher: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def digest(self) -> str:
        return "sha256:" + self._hasher.hexdigest()

    def write(self, data: memoryview, /) -> None:
        self._hasher.update(data)
        self.taken += self.file.write(data)


def _expect(blob: Blob, taker: _Taker, what: str) -> None:
    if taker.taken != blob.size or taker.digest != blob.digest:
        raise RegistryMismatchError(f"{what} is not {blob.digest}: other bytes came")
