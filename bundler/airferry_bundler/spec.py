"""airferry.yaml: what a vendor writes. Every mistake in it is reported at once, with its line.

Paths are relative to the file itself, so that nothing of one machine gets into a lock or release.
`check` holds what a type can't say; `spec_file.read` runs both.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from airferry_archive.release import (
    Counter,
    Epoch,
    Floor,
    InputName,
    Line,
    Name,
    Namespace,
    Platform,
    Requires,
)
from airferry_foundation.clock import Timestamp
from airferry_foundation.grammar import whole
from airferry_foundation.versions import RangeText, VersionText

FILE_NAME = "airferry.yaml"
LOCAL_IMAGES = ("oci:", "docker-archive:")

RelativePath = Annotated[str, whole(r"^[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]*$")]
"""A path that starts at the folder of airferry.yaml."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
AgeRecipient = Annotated[str, whole(r"^age1[0-9a-z]{58}$")]


class Written(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything that stands in airferry.yaml."""


class Audience(Written, frozen=True, kw_only=True):
    """Whom the release is for: a list of names, `any`, or customers who are `entitled`."""

    customers: (
        Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)] | Literal["any", "entitled"]
    ) = "any"
    environments: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1)] | Literal["any"] = "any"


class ImageSource(Written, frozen=True, kw_only=True):
    """Where an image is: `host/path:tag`, `oci:FOLDER[:NAME]` or `docker-archive:FILE[:NAME]`.

    `name` is what charts call it, where that does not follow from `ref`.
    """

    ref: Text
    name: Text | None = None


class ChartSource(Written, frozen=True, kw_only=True):
    """One chart: a folder or .tgz (`path`), or `ref` + `version` in a registry.

    `values` travel in the release and are used in that order. Each entry of `render_with` is one
    more set of values (a file, or several) that is laid over them to find images.
    """

    path: RelativePath | None = None
    ref: Annotated[str, whole(r"^oci://[^\s]+$")] | None = None
    version: Line | None = None
    release_name: Name
    namespace: Namespace
    values: tuple[RelativePath, ...] = ()
    render_with: tuple[RelativePath | tuple[RelativePath, ...], ...] = ()


class ManifestSource(Written, frozen=True, kw_only=True):
    """A folder of plain manifests, or one file; called `name`, else as the folder or file is."""

    path: RelativePath
    namespace: Namespace
    name: Name | None = None


class Target(Written, frozen=True, kw_only=True):
    """Where an input goes: `chart` and a dotted `path` in its values, or a manifest's field."""

    chart: Name | None = None
    manifest: Name | None = None
    kind: Text | None = None
    name: Text | None = None
    path: Line


class Input(Written, frozen=True, kw_only=True):
    """A parameter that a site may set."""

    type: Literal["string", "integer", "boolean"] = "string"
    default: str | int | bool | None = None
    secret: bool = False
    generated: bool = False
    help: Line = ""
    to: Annotated[tuple[Target, ...], msgspec.Meta(min_length=1)]


class GeneratedField(Written, frozen=True, kw_only=True):
    """A field that a chart fills at random at each render; a site keeps its live value."""

    chart: Name
    kind: Text
    name: Text
    path: Text


class Registry(Written, frozen=True, kw_only=True):
    """How a registry is reached. It stays on this side: no lock or release holds it."""

    plain_http: bool = False
    ca: Text | None = None
    client_certificate: Text | None = None
    client_key: Text | None = None


class Verify(Written, frozen=True, kw_only=True):
    """Images that must be signed where they come from: a pattern of names, and whose key.

    `*` stands for anything, also for slashes. An image that several entries fit must satisfy each.
    """

    images: Text
    key: RelativePath


class Evidence(Written, frozen=True, kw_only=True):
    """What `lock` finds out about the supply chain, to travel along.

    `sbom`: a list of what is in each image and in the release, in CycloneDX and SPDX; reads all
    layers once. `provenance`: from what the release was put together (SLSA).
    """

    sbom: bool = False
    provenance: bool = False


class Telemetry(Written, frozen=True, kw_only=True):
    """Public age keys that telemetry is sealed to: region, purpose, key."""

    recipients: Annotated[
        dict[Name, Annotated[dict[Name, AgeRecipient], msgspec.Meta(min_length=1)]],
        msgspec.Meta(min_length=1),
    ]


class Spec(Written, frozen=True, kw_only=True):
    """The whole of airferry.yaml."""

    product: Name
    version: VersionText
    counter: Counter
    epoch: Epoch = 1
    security_floor: Floor = 0
    recommended_until: Timestamp | None = None
    audience: Audience
    platforms: Annotated[tuple[Platform, ...], msgspec.Meta(min_length=1)]
    upgrade_from: RangeText | None = None
    required_stops: tuple[VersionText, ...] = ()
    requires: Requires = msgspec.field(default_factory=Requires)
    images: tuple[Text | ImageSource, ...] = ()
    charts: tuple[ChartSource, ...] = ()
    manifests: tuple[ManifestSource, ...] = ()
    files: tuple[RelativePath, ...] = ()
    inputs: dict[InputName, Input] = msgspec.field(default_factory=dict)
    generated: tuple[GeneratedField, ...] = ()
    catalogue: RelativePath | None = None
    thresholds: RelativePath | None = None
    telemetry: Telemetry | None = None
    verify: tuple[Verify, ...] = ()
    evidence: Evidence = msgspec.field(default_factory=Evidence)
    registries: dict[Text, Registry] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpecFile:
    """A spec that was read, and the folder that its paths start in."""

    spec: Spec
    path: Path

    @property
    def folder(self) -> Path:
        """Where relative paths start."""
        return self.path.parent

    def at(self, relative: str) -> Path:
        """A path of the spec on this machine."""
        return self.folder / relative


def folder_of(path: Path) -> Path:
    """The product's folder: of a spec, or of its folder."""
    return path if path.is_dir() else path.parent


def image_source(entry: str | ImageSource) -> ImageSource:
    """An entry of `images:` in its long form."""
    return ImageSource(ref=entry) if isinstance(entry, str) else entry


def local_image(ref: str) -> tuple[str, str, str]:
    """Scheme, path and name inside of `oci:FOLDER[:NAME]` or `docker-archive:FILE[:NAME]`."""
    scheme, _, rest = ref.partition(":")
    path, _, name = rest.partition(":")
    return scheme, path, name


def value_set(entry: str | tuple[str, ...]) -> tuple[str, ...]:
    """An entry of `render_with:` as the list of its files."""
    return (entry,) if isinstance(entry, str) else entry


def manifests_name(source: ManifestSource) -> str:
    """What a manifests entry is called in the release."""
    return source.name or Path(source.path).stem
