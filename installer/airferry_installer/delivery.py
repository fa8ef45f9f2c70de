"""Delivers the blobs of an admitted release to a registry: several at once, hashed on the way.

Order: which blob is in which target repository already -> blobs, mounted from another repository
where one has them, else uploaded out of the bundle while their hash is checked -> manifests byte
for byte -> indexes, after their children -> a tag of our own for each image and artifact, so that a
registry's clean-up leaves it. No tag that exists is moved, so `load` can't change what runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from airferry_archive import tar_headers
from airferry_archive.release import Blob, Release
from airferry_foundation.digests import hex_of
from airferry_foundation.errors import Interrupted, RegistryMismatchError
from airferry_foundation.parallel import run_all
from airferry_foundation.progress import SILENT, Progress, Task
from airferry_installer import holdings
from airferry_installer.carrier import Carrier
from airferry_installer.holdings import Place
from airferry_installer.release_content import ReleaseContent
from airferry_registry import manifests
from airferry_registry.client import RegistryClient
from airferry_registry.manifests import INDEXES
from airferry_registry.push import Remembered, Uploads, push_blob

WORKERS = 4


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


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was done, and what neither file nor registry has: then nothing new has a tag."""

    counts: Counts
    lacking: tuple[Blob, ...]


def deliver(  # noqa: PLR0913 - a file, its release, a registry and the places in it
    reader: Carrier,
    release: Release,
    client: RegistryClient,
    places: Mapping[str, str],
    *,
    earlier: Sequence[tuple[Release, Mapping[str, str]]] = (),
    uploads: Uploads | None = None,
    workers: int = WORKERS,
    progress: Progress = SILENT,
) -> Delivered:
    """Bring everything of an admitted release into a registry; `places` is where each part goes.

    `earlier` are releases that the registry may hold, with their places: what a delta leaves out is
    looked for there too. Where something is lacking, blobs are delivered all the same (they wait
    for the rest), but no manifest and no tag. `uploads` remembers big blobs that are on their way.
    """
    blobs = holdings.pushed(release)
    there = holdings.survey(client, blobs, places)
    counts = Counts(present=len(there))
    left_out = _left_out(reader, blobs, there)
    ask = holdings.candidates(release, places, earlier)
    found = holdings.elsewhere(client, left_out, ask)
    content = ReleaseContent(reader, release, lambda: client, places, found)
    lacking = [blob for blob in left_out if blob.digest not in found]
    stored = [blob for blob in blobs if holdings.is_manifest(blob)]
    about = {one.digest for one in release.referrers}
    if not reader.at_hand:
        content.remember(stored)  # they stand in the first volume, and are sent last
    apart = {blob.digest for blob in (*stored, *lacking)}
    layers = [blob for blob in blobs if blob.digest not in apart]
    sender = _Sender(content, client, counts, uploads or Remembered())
    _send_layers(sender, layers, places, there, workers, progress)
    if lacking:
        return Delivered(counts, (*lacking, *_waiting(stored, places, there, lacking)))
    for others in (False, True):  # what refers to images comes after them
        these = [blob for blob in stored if (blob.digest in about) is others]
        _put_manifests(content, client, these, places, there, counts)
    return Delivered(counts, ())


def _left_out(reader: Carrier, blobs: Sequence[Blob], there: frozenset[Place]) -> tuple[Blob, ...]:
    """What is neither carried nor in any of its own repositories."""
    held = {digest for _, digest in there}
    return tuple(
        blob for blob in blobs if not reader.carries(blob.digest) and blob.digest not in held
    )


def _waiting(
    stored: Sequence[Blob],
    places: Mapping[str, str],
    there: frozenset[Place],
    lacking: Sequence[Blob],
) -> Iterator[Blob]:
    """Manifests that can't be stored before the rest is there: the next file must carry them."""
    named = {blob.digest for blob in lacking}
    for blob in stored:
        missing = any((places[one], blob.digest) not in there for one in blob.repositories)
        if missing and blob.digest not in named:
            yield blob


# --- blobs ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sender:
    """Brings one blob after another into the registry, from any thread."""

    content: ReleaseContent
    client: RegistryClient
    counts: Counts
    uploads: Uploads
    stop: threading.Event = field(default_factory=threading.Event)

    def bring(self, blob: Blob, missing: Sequence[str], holders: Sequence[str], task: Task) -> None:
        """Into each repository of `missing`: sent at most once, mounted into the others."""
        known = [*holders, *self.content.holders(blob.digest)]
        sent = False
        for repository in missing:
            if any(self.client.mount(repository, blob.digest, one) for one in known[:1]):
                self.counts.add("mounted")
            else:
                push_blob(
                    self.client,
                    repository,
                    blob.digest,
                    blob.size,
                    _Bytes(self.content, blob.digest, known[0] if known else "", self.stop),
                    hashed=self.content.reader.carries(blob.digest),
                    uploads=self.uploads,
                    lead=tar_headers.BLOCK,  # media are changed between two chunks
                    task=task,
                )
                self.counts.add("sent", blob.size)
                sent = True
            known.append(repository)
        if not sent:
            task.settle(blob.size)


@dataclass(frozen=True, slots=True)
class _Bytes:
    """A blob of the release, as often as it is needed; ends early when another blob failed.

    What the bundle does not carry is read from `holder`, a repository that has it.
    """

    content: ReleaseContent
    digest: str
    holder: str
    stop: threading.Event

    def __iter__(self) -> Iterator[memoryview | bytes]:
        for chunk in self.content.stream(self.digest, self.holder):
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
    task = progress.start("Loading", sum(blob.size for blob in layers))
    jobs: dict[str, Callable[[], None]] = {}
    for blob in sorted(layers, key=lambda blob: blob.size, reverse=True):  # all end together then
        targets = [places[one] for one in blob.repositories]
        missing = [one for one in targets if (one, blob.digest) not in there]
        holders = [one for one in targets if (one, blob.digest) in there]
        if not missing:
            task.settle(blob.size)
            continue
        jobs[blob.digest] = partial(sender.bring, blob, missing, holders, task)
    carrier = sender.content.reader
    if carrier.at_hand:
        run_all(jobs.values(), workers, sender.stop)
    else:
        carrier.in_turn(jobs, lambda digest: jobs[digest]())
    task.finish("" if jobs else "nothing to send")


# --- manifests, indexes, tags ---------------------------------------------------------------------


def _put_manifests(
    content: ReleaseContent,
    client: RegistryClient,
    stored: Sequence[Blob],
    places: Mapping[str, str],
    there: frozenset[Place],
    counts: Counts,
) -> None:
    children = {
        blob.digest: _children(content, blob) for blob in stored if blob.media_type in INDEXES
    }

    def put(blob: Blob, place: str) -> None:
        if (place, blob.digest) not in there:
            data = content.blob(blob.digest, manifests.MAX_BYTES)
            client.put_manifest(place, blob.digest, data, blob.media_type)
            counts.add("manifests")

    def tag(blob: Blob, place: str) -> None:
        _tag(content, client, place, blob, counts)

    def everywhere(work: Callable[[Blob, str], None], these: Iterable[Blob]) -> None:
        jobs = (partial(work, blob, places[one]) for blob in these for one in blob.repositories)
        run_all(jobs, WORKERS, threading.Event())

    everywhere(put, (blob for blob in stored if blob.digest not in children))
    for blob in _children_first(stored, children):
        if blob.digest in children:
            everywhere(put, [blob])
    nested = {child for digests in children.values() for child in digests}
    everywhere(tag, (blob for blob in stored if blob.digest not in nested))


def _children(content: ReleaseContent, blob: Blob) -> tuple[str, ...]:
    index = manifests.parse(content.blob(blob.digest, manifests.MAX_BYTES), blob.media_type)
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
    content: ReleaseContent, client: RegistryClient, repository: str, blob: Blob, counts: Counts
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
    data = content.blob(blob.digest, manifests.MAX_BYTES)
    client.put_manifest(repository, tag, data, blob.media_type)
    counts.add("tags")
