"""Delivers the blobs of an admitted release to a registry: several at once, hashed on the way.

Order: which blob is in which target repository already -> blobs, mounted from another repository
where one has them, else uploaded out of the bundle while their hash is checked -> manifests byte
for byte -> indexes, after their children -> a tag of our own for each image and artifact, so that a
registry's clean-up leaves it. No tag that exists is moved, so `load` can't change what runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from airferry_archive.reader import BundleReader
from airferry_archive.release import Blob, Release
from airferry_foundation.digests import hex_of
from airferry_foundation.errors import Interrupted, RegistryMismatchError, RegistryMissingError
from airferry_foundation.progress import SILENT, Progress, Task
from airferry_registry import manifests
from airferry_registry.client import RegistryClient
from airferry_registry.manifests import INDEXES, MANIFESTS
from airferry_registry.push import push_blob

WORKERS = 4
_ASKERS = 8

Place = tuple[str, str]
"""(local repository, digest)"""


@dataclass(slots=True)
class Counts:
    """What was done so far. Safe to add to from several threads."""

    sent: int = 0
    mounted: int = 0
    present: int = 0
    manifests: int = 0
    tags: int = 0
    bytes_sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self, what: Literal["sent", "mounted", "present", "manifests", "tags"], size: int = 0
    ) -> None:
        """One more; `size` in bytes where it was sent."""
        with self._lock:
            setattr(self, what, getattr(self, what) + 1)
            self.bytes_sent += size

    def numbers(self) -> dict[str, int]:
        """All counts by name."""
        names = ("sent", "mounted", "present", "manifests", "tags", "bytes_sent")
        return {name: getattr(self, name) for name in names}


def deliver(
    reader: BundleReader,
    release: Release,
    client: RegistryClient,
    places: Mapping[str, str],
    *,
    workers: int = WORKERS,
    progress: Progress = SILENT,
) -> Counts:
    """Bring everything of an admitted release into a registry; `places` is where each part goes."""
    blobs = tuple(_pushed(release))
    there = _survey(client, blobs, places)
    counts = Counts(present=len(there))
    _refuse_missing(reader, blobs, there)
    layers = [blob for blob in blobs if not _is_manifest(blob)]
    _send_layers(_Sender(reader, client, counts), layers, places, there, workers, progress)
    stored = [blob for blob in blobs if _is_manifest(blob)]
    _put_manifests(reader, client, stored, places, there, counts)
    return counts


def _pushed(release: Release) -> Iterator[Blob]:
    """What a registry gets: all but the indexes that travel as evidence of a filtered image."""
    wanted = {image.digest for image in release.images}
    evidence = {image.index for image in release.images} - wanted
    return (blob for blob in release.blobs if blob.digest not in evidence)


def _is_manifest(blob: Blob) -> bool:
    return blob.media_type in MANIFESTS | INDEXES


# --- what is there --------------------------------------------------------------------------------


def _survey(
    client: RegistryClient, blobs: Sequence[Blob], places: Mapping[str, str]
) -> frozenset[Place]:
    """Which blobs are in which of their repositories."""
    wanted = [(places[one], blob) for blob in blobs for one in blob.repositories]

    def ask(need: tuple[str, Blob]) -> bool:
        repository, blob = need
        if _is_manifest(blob):
            return client.has_manifest(repository, blob.digest) == blob.digest
        return _has_blob(client, repository, blob)

    with ThreadPoolExecutor(_ASKERS) as pool:
        answers = list(pool.map(ask, wanted))
    return frozenset(
        (repository, blob.digest)
        for (repository, blob), yes in zip(wanted, answers, strict=True)
        if yes
    )


def _has_blob(client: RegistryClient, repository: str, blob: Blob) -> bool:
    size = client.blob_size(repository, blob.digest)
    if size not in {None, blob.size}:
        raise RegistryMismatchError(
            f"registry {client.settings.origin}: blob {blob.digest} in {repository} has {size} "
            f"bytes, expected {blob.size}",
            "The registry's storage is damaged: remove the blob there, then load again.",
        )
    return size is not None


def _refuse_missing(reader: BundleReader, blobs: Sequence[Blob], there: frozenset[Place]) -> None:
    """RegistryMissingError if the bundle leaves out what no target repository has."""
    carried = set(reader.carriage().blobs)
    held = {digest for _, digest in there}
    missing = [blob for blob in blobs if blob.digest not in carried and blob.digest not in held]
    if missing:
        listed = "\n".join(f"  {blob.digest}  {blob.size} bytes" for blob in missing[:20])
        more = f"\n  and {len(missing) - 20} more" if len(missing) > 20 else ""
        raise RegistryMissingError(
            f"{len(missing)} blobs are neither in the bundle nor in the registry:\n{listed}{more}",
            "Nothing was sent. Ask the vendor for a full bundle.",
        )


# --- blobs ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sender:
    """Brings one blob after another into the registry, from any thread."""

    reader: BundleReader
    client: RegistryClient
    counts: Counts
    stop: threading.Event = field(default_factory=threading.Event)

    def bring(self, blob: Blob, missing: Sequence[str], holders: Sequence[str], task: Task) -> None:
        """Into each repository of `missing`: sent at most once, mounted into the others."""
        known = list(holders)
        for repository in missing:
            if any(self.client.mount(repository, blob.digest, one) for one in known[:1]):
                self.counts.add("mounted")
            else:
                source = _Bytes(self.reader, blob.digest, self.stop)
                push_blob(self.client, repository, blob.digest, blob.size, source, task=task)
                self.counts.add("sent", blob.size)
            known.append(repository)


@dataclass(frozen=True, slots=True)
class _Bytes:
    """A blob of the bundle, as often as it is needed; ends early when another blob failed."""

    reader: BundleReader
    digest: str
    stop: threading.Event

    def __iter__(self) -> Iterator[memoryview | bytes]:
        for chunk in self.reader.stream(self.digest):
            if self.stop.is_set():
                raise Interrupted("the load was stopped")
            yield chunk


def _send_layers(
    sender: _Sender,
    layers: Sequence[Blob],
    places: Mapping[str, str],
    there: frozenset[Place],
    workers: int,
    progress: Progress,
) -> None:
    task = progress.start("load", sum(blob.size for blob in layers))
    jobs = []
    for blob in layers:
        targets = [places[one] for one in blob.repositories]
        missing = [one for one in targets if (one, blob.digest) not in there]
        holders = [one for one in targets if (one, blob.digest) in there]
        if not missing:
            task.settle(blob.size)
            continue
        jobs.append(partial(sender.bring, blob, missing, holders, task))
    _run(jobs, workers, sender.stop)
    task.finish()


def _run(jobs: Iterable[Callable[[], None]], workers: int, stop: threading.Event) -> None:
    """All jobs, `workers` at once; the first failure stops the others and is raised."""
    with ThreadPoolExecutor(workers) as pool:
        running = [pool.submit(job) for job in jobs]
        try:
            for done in as_completed(running):
                done.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


# --- manifests, indexes, tags ---------------------------------------------------------------------


def _put_manifests(
    reader: BundleReader,
    client: RegistryClient,
    stored: Sequence[Blob],
    places: Mapping[str, str],
    there: frozenset[Place],
    counts: Counts,
) -> None:
    children = {
        blob.digest: _children(reader, blob) for blob in stored if blob.media_type in INDEXES
    }
    for blob in _children_first(stored, children):
        for one in blob.repositories:
            if (places[one], blob.digest) not in there:
                data = reader.blob(blob.digest, manifests.MAX_BYTES)
                client.put_manifest(places[one], blob.digest, data, blob.media_type)
                counts.add("manifests")
    nested = {child for digests in children.values() for child in digests}
    for blob in stored:
        if blob.digest not in nested:
            for one in blob.repositories:
                _tag(reader, client, places[one], blob, counts)


def _children(reader: BundleReader, blob: Blob) -> tuple[str, ...]:
    index = manifests.parse(reader.blob(blob.digest, manifests.MAX_BYTES), blob.media_type)
    if not isinstance(index, manifests.Index):
        return ()
    return tuple(child.descriptor.digest for child in index.children)


def _children_first(
    stored: Sequence[Blob], children: Mapping[str, tuple[str, ...]]
) -> Iterator[Blob]:
    """Manifests, then indexes, each after the indexes that it names."""
    by_digest = {blob.digest: blob for blob in stored}
    done: set[str] = set()

    def visit(digest: str) -> Iterator[Blob]:
        if digest in done or digest not in by_digest:
            return
        done.add(digest)
        for child in children.get(digest, ()):
            yield from visit(child)
        yield by_digest[digest]

    for blob in stored:
        yield from visit(blob.digest)


def own_tag(digest: str) -> str:
    """The tag by which a loaded image or artifact is kept: no other program makes one like it."""
    return f"airferry-{hex_of(digest)[:16]}"


def _tag(
    reader: BundleReader, client: RegistryClient, repository: str, blob: Blob, counts: Counts
) -> None:
    tag = own_tag(blob.digest)
    found = client.has_manifest(repository, tag)
    if found == blob.digest:
        return
    if found is not None:
        raise RegistryMismatchError(
            f"registry {client.settings.origin}: tag {repository}:{tag} stands for {found}, "
            f"expected {blob.digest}",
            "Somebody made that tag by hand. Remove it there, then load again.",
        )
    data = reader.blob(blob.digest, manifests.MAX_BYTES)
    client.put_manifest(repository, tag, data, blob.media_type)
    counts.add("tags")
