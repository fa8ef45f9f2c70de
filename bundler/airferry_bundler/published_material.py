"""What `publish` sends: out of a bundle, or straight from the origins of a locked spec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airferry_archive.reader import BundleReader
from airferry_archive.release import Blob
from airferry_bundler import build as building
from airferry_bundler import inspect as inspecting
from airferry_bundler.outflow import Outflow
from airferry_bundler.publish import Material
from airferry_bundler.spec import LOCAL_IMAGES, SpecFile
from airferry_bundler.supply import Supply
from airferry_foundation.errors import TrustError
from airferry_registry.references import parse


@contextmanager
def from_bundle(path: Path) -> Iterator[Material]:
    """A bundle, or the first volume of one. TrustError where its own roots would not accept it."""
    with BundleReader.open(path) as reader:
        refusal = inspecting.refusal_of(reader.header)
        if refusal:
            raise TrustError(
                f"{path} would be refused by every customer: {refusal}",
                "Build it again from the checkout that its release was signed in.",
            )
        release = reader.release()
        layout = reader.bind(release)
        yield Material(
            header=reader.header,
            release=release,
            carried=frozenset(layout.members),
            open=lambda blob: _Member(reader, blob.digest),
        )


def from_spec(spec_file: SpecFile, address: str) -> Material:
    """A locked, released and signed spec; `address` is the registry that is published to."""
    ready = building.prepare(spec_file)
    return Material(
        header=ready.header,
        release=ready.release,
        carried=frozenset(blob.digest for blob in ready.release.blobs),
        open=lambda blob: Outflow(ready.supply.deliver, blob),
        nearby=lambda blob: _nearby(ready.supply, blob, address),
    )


@dataclass(frozen=True, slots=True)
class _Member:
    reader: BundleReader
    digest: str

    def __iter__(self) -> Iterator[memoryview]:
        return self.reader.stream(self.digest)


def _nearby(supply: Supply, blob: Blob, address: str) -> Iterable[str]:
    """The repositories of this very registry that the blob was locked from."""
    for repository in blob.repositories:
        for origin in supply.places.get(repository, ()):
            if not origin.startswith(LOCAL_IMAGES):
                found = parse(origin)
                if found.registry == address:
                    yield found.repository
