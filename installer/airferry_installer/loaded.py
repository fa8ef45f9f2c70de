"""Which releases were loaded into a registry: the journal's word, and the kept release.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airferry_archive import release as releases
from airferry_archive.release import Release
from airferry_foundation import documents
from airferry_installer import local_registry
from airferry_installer.site import Registry
from airferry_installer.state import StateFolder

EVENT = "loaded"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A release that was loaded."""

    digest: str
    release: Release


def loaded(state: StateFolder, origin: str) -> tuple[Loaded, ...]:
    """The releases that were loaded into the registry at `origin`, the last one first.

    StateTamperedError or StateMissingError where one that was kept can't be read.
    """
    entries = [one for one in state.journal.entries() if one.event == EVENT]
    digests = [str(one.facts["release"]) for one in entries if one.facts["registry"] == origin]
    return tuple(Loaded(one, kept(state, one)) for one in dict.fromkeys(reversed(digests)))


def kept(state: StateFolder, digest: str) -> Release:
    """A release that the state folder keeps, hashed anew."""
    data = state.kept("release", digest)
    return documents.decode(data, Release, name=f"release {digest}", cap=releases.MAX_BYTES)


def places_of_earlier(
    state: StateFolder, origin: str, registry: Registry, but: str
) -> Iterator[tuple[Release, Mapping[str, str]]]:
    """Releases loaded before, other than `but`, with where they are in the registry."""
    for one in loaded(state, origin):
        if one.digest != but:
            yield one.release, local_registry.repositories(one.release, registry)
