"""Delivers the bytes of any blob of a locked release, from whichever of its origins has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airferry_archive.release import Blob
from airferry_bundler.disk import NOTHING, Disk
from airferry_bundler.evidence.blob_cache import BlobCache
from airferry_bundler.origins import Origins
from airferry_bundler.spec import LOCAL_IMAGES
from airferry_bundler.stores import Store
from airferry_foundation.errors import InputError, MissingInputError, RegistryMissingError
from airferry_foundation.progress import Task
from airferry_registry.references import parse
from airferry_registry.streams import Taker


@dataclass(frozen=True, slots=True)
class Supply:
    """`packed` are bytes that we made ourselves; `places` are the lock's `origins`.

    `disk` is what lies on this machine already: it is asked before them. `cache` may
    hold layers that `lock` has read.
    """

    packed: Mapping[str, bytes]
    origins: Origins
    places: Mapping[str, tuple[str, ...]]
    disk: Disk = NOTHING
    cache: BlobCache | None = None

    def deliver(self, blob: Blob, taker: Taker, task: Task) -> None:
        """Give a blob's bytes to `taker`, from where it is on; `task` is told of each chunk.

        The next origin is asked where one has it no more; the last one's error is raised.
        """
        data = self.packed.get(blob.digest)
        if data is not None:
            rest = memoryview(data)[taker.taken :]
            taker.write(rest)
            task.advance(len(rest))
            return
        if self.disk.give(blob, taker, task):
            return
        if self.cache is not None and self.cache.holds(blob):
            self.cache.deliver(blob, taker, task)
            return
        missing: RegistryMissingError | MissingInputError | None = None
        for store in self._stores(blob):
            try:
                store.copy(blob, taker, task)
            except (RegistryMissingError, MissingInputError) as error:
                missing = error
            else:
                return
        raise missing or InputError(
            f"blob {blob.digest} of {', '.join(blob.repositories)} has no origin in airferry.lock",
            "Run `airferry-bundler lock` again.",
        )

    def _stores(self, blob: Blob) -> Iterator[Store]:
        for repository in blob.repositories:
            for origin in self.places.get(repository, ()):
                if origin.startswith(LOCAL_IMAGES):
                    yield self.origins.local(origin)
                else:
                    yield self.origins.repository(parse(origin))
