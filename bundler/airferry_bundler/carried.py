"""Images and charts as they are carried: what each needs, where it comes from, where it goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from airferry_archive.release import Image, Referrer
from airferry_bundler.artifacts import Artifact
from airferry_bundler.spec import ChartSource
from airferry_foundation.digests import digest
from airferry_registry.manifests import Descriptor
from airferry_registry.references import parse


@dataclass(frozen=True, slots=True)
class CarriedImage:
    """One image of the release, the blobs that it needs, where those are, what refers to it.

    `blobs` are its referrers' too.
    """

    image: Image
    blobs: tuple[Descriptor, ...]
    origin: str
    referrers: tuple[Referrer, ...] = ()


@dataclass(frozen=True, slots=True)
class CarriedChart:
    """One chart: its manifest and content as blobs, its package's bytes, its own values schema.

    `origin` is the registry repository that it comes from, '' for one that we packed: that has an
    `artifact`.
    """

    source: ChartSource
    name: str
    version: str
    package: bytes
    manifest: Descriptor
    blobs: tuple[Descriptor, ...]
    schema: bytes | None = None
    origin: str = ""
    artifact: Artifact | None = None

    @property
    def content(self) -> str:
        """The digest of the package."""
        return digest(self.package)


def origins(
    product: str, images: Iterable[CarriedImage], charts: Iterable[CarriedChart]
) -> dict[str, tuple[str, ...]]:
    """Where the blobs of each repository come from; what we pack ourselves is not among them."""
    found: dict[str, set[str]] = {}
    for one in images:
        found.setdefault(image_repository(one.image.name), set()).add(one.origin)
    for chart in charts:
        if chart.origin:
            found.setdefault(chart_repository(product, chart.name), set()).add(chart.origin)
    return {repository: tuple(sorted(places)) for repository, places in sorted(found.items())}


def image_repository(name: str) -> str:
    """The repository of the bundle that an image is in: host and path of its original name."""
    return parse(name).name


def chart_repository(product: str, name: str) -> str:
    """The repository of the bundle that a chart is in."""
    return f"{product}/charts/{name}"


def files_repository(product: str) -> str:
    """The repository of the bundle that the release's own files are in."""
    return f"{product}/files"
