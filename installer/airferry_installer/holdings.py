"""What a registry holds of a release: asked blob by blob, in every repository that needs it.

The registry is trusted for availability alone: what it says that it holds need not be carried; what
is read back from it is hashed on every read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from airferry_archive.release import Blob, Release
from airferry_foundation.errors import RegistryMismatchError
from airferry_registry.client import RegistryClient
from airferry_registry.manifests import INDEXES, MANIFESTS

Place = tuple[str, str]
"""(local repository, digest)"""

_ASKERS = 8

T = TypeVar("T")
R = TypeVar("R")


def pushed(release: Release) -> tuple[Blob, ...]:
    """What a registry gets: all but the indexes that travel as evidence of a filtered image."""
    wanted = {image.digest for image in release.images}
    evidence = {image.index for image in release.images} - wanted
    return tuple(blob for blob in release.blobs if blob.digest not in evidence)


def is_manifest(blob: Blob) -> bool:
    """Whether a registry keeps it as a manifest or index."""
    return blob.media_type in MANIFESTS | INDEXES


def survey(
    client: RegistryClient, blobs: Iterable[Blob], places: Mapping[str, str]
) -> frozenset[Place]:
    """Which blobs are in which of their repositories. RegistryMismatchError for a wrong size."""
    wanted = [(places[one], blob) for blob in blobs for one in blob.repositories]
    answers = _all(lambda need: has(client, *need), wanted)
    return frozenset(
        (repository, blob.digest)
        for (repository, blob), yes in zip(wanted, answers, strict=True)
        if yes
    )


def elsewhere(
    client: RegistryClient, blobs: Sequence[Blob], candidates: Callable[[str], Iterable[str]]
) -> dict[str, str]:
    """For each of these blobs, another local repository that holds it, where there is one.

    `candidates` are the local repositories to ask for a digest, the likeliest first.
    """

    def find(blob: Blob) -> str | None:
        holders = (one for one in candidates(blob.digest) if has(client, one, blob))
        return next(holders, None)

    found = zip(blobs, _all(find, blobs), strict=True)
    return {blob.digest: holder for blob, holder in found if holder is not None}


def candidates(
    release: Release,
    places: Mapping[str, str],
    earlier: Iterable[tuple[Release, Mapping[str, str]]],
) -> Callable[[str], Iterator[str]]:
    """Where a blob may be besides its own repositories, the likeliest first.

    That is where an earlier release put it, then the other repositories of this one.
    """
    known: dict[str, list[str]] = {}
    for other, local in earlier:
        for blob in other.blobs:
            known.setdefault(blob.digest, []).extend(local[one] for one in blob.repositories)
    targets = {blob.digest: {places[one] for one in blob.repositories} for blob in release.blobs}
    everywhere = sorted(set(places.values()))

    def ask(digest: str) -> Iterator[str]:
        unlikely = targets.get(digest, set())
        asked = dict.fromkeys([*known.get(digest, ()), *everywhere])
        return (one for one in asked if one not in unlikely)

    return ask


def has(client: RegistryClient, repository: str, blob: Blob) -> bool:
    """Whether a repository holds a blob or manifest; RegistryMismatchError for a wrong size."""
    if is_manifest(blob):
        return client.has_manifest(repository, blob.digest) == blob.digest
    size = client.blob_size(repository, blob.digest)
    if size not in {None, blob.size}:
        raise RegistryMismatchError(
            f"registry {client.settings.origin}: blob {blob.digest} in {repository} has {size} "
            f"bytes, expected {blob.size}",
            "The registry's storage is damaged: remove the blob there, then load again.",
        )
    return size is not None


def _all(ask: Callable[[T], R], items: Sequence[T]) -> list[R]:
    with ThreadPoolExecutor(_ASKERS) as pool:
        return list(pool.map(ask, items))
