"""What was found out to a release: pure, and sorted everywhere, so that one spec gives one release.

Which blob belongs to which repository of the bundle is decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from airferry_archive.release import (
    Attachment,
    Audience,
    Blob,
    Chart,
    GeneratedField,
    Image,
    Input,
    InputTarget,
    Manifests,
    Release,
    Telemetry,
)
from airferry_bundler.artifacts import Artifact, files_artifact
from airferry_bundler.content import LocalContent
from airferry_bundler.spec import ChartSource, Spec, Target, manifests_name
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError
from airferry_registry.manifests import Descriptor
from airferry_registry.references import parse

Kind = Literal["values", "schema", "manifests", "docs", "catalogue", "thresholds"]


@dataclass(frozen=True, slots=True)
class CarriedImage:
    """One image of the release, the blobs that it needs, and where those are."""

    image: Image
    blobs: tuple[Descriptor, ...]
    origin: str


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


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file of the artifact `files`."""

    title: str
    data: bytes
    kind: Kind
    about: str | None = None

    @property
    def attachment(self) -> Attachment:
        """How the release lists it."""
        return Attachment(
            kind=self.kind, digest=digest(self.data), title=self.title, about=self.about
        )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What neither spec nor files say."""

    issued_at: str
    root_version: int


def own_files(
    spec: Spec, content: LocalContent, charts: Iterable[CarriedChart]
) -> tuple[OwnFile, ...]:
    """The release's own files, sorted; InputError where one title would have two contents."""
    found = sorted(
        dict.fromkeys(_own_files(spec, content, charts)), key=lambda f: (f.title, f.kind)
    )
    contents: dict[str, bytes] = {}
    for file in found:
        if contents.setdefault(file.title, file.data) != file.data:
            raise InputError(
                f"two different files would be carried as {file.title}", "Rename one of them."
            )
    return tuple(found)


def _own_files(
    spec: Spec, content: LocalContent, charts: Iterable[CarriedChart]
) -> Iterator[OwnFile]:
    for chart in charts:
        for path in chart.source.values:
            yield OwnFile(path, content.files[path], "values")
        if chart.schema is not None:
            yield OwnFile(f"schemas/{chart.name}.json", chart.schema, "schema", _content_of(chart))
    for name, stream in content.streams.items():
        yield OwnFile(f"manifests/{name}.yaml", stream, "manifests")
    for path in spec.files:
        yield OwnFile(path, content.files[path], "docs")
    if spec.catalogue:
        yield OwnFile(spec.catalogue, content.files[spec.catalogue], "catalogue")
    if spec.thresholds:
        yield OwnFile(spec.thresholds, content.files[spec.thresholds], "thresholds")


def _content_of(chart: CarriedChart) -> str:
    return digest(chart.package)


def files_of(own: Iterable[OwnFile]) -> Artifact:
    """The artifact `files`."""
    return files_artifact({file.title: file.data for file in own})


def assemble(
    spec: Spec,
    content: LocalContent,
    images: Iterable[CarriedImage],
    charts: Iterable[CarriedChart],
    circumstances: Circumstances,
) -> Release:
    """The release, but for `members`, which follow from the rest of it."""
    carried = sorted(images, key=lambda c: c.image.name)
    packed = sorted(charts, key=lambda c: c.name)
    own = own_files(spec, content, packed)
    return Release(
        schema="airferry.release/v1",
        product=spec.product,
        version=spec.version,
        epoch=spec.epoch,
        release_counter=spec.counter,
        security_floor=spec.security_floor,
        root_version=circumstances.root_version,
        issued_at=circumstances.issued_at,
        recommended_until=spec.recommended_until,
        audience=Audience(
            customers=_party(spec.audience.customers),
            environments=_party(spec.audience.environments),
        ),
        platforms=tuple(sorted(spec.platforms)),
        upgrade_from=spec.upgrade_from,
        required_stops=tuple(sorted(spec.required_stops)),
        requires=spec.requires,
        images=tuple(one.image for one in carried),
        charts=tuple(_chart(chart, content) for chart in packed),
        manifests=_manifests(spec, content),
        inputs=_inputs(spec),
        generated=_generated(spec),
        attachments=tuple(file.attachment for file in own),
        blobs=_blobs(_needs(spec.product, carried, packed, files_of(own))),
        members={},
        telemetry=_telemetry(spec, content),
    )


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


# --- parts of a release ---------------------------------------------------------------------------


def _party(names: tuple[str, ...] | Literal["any"]) -> tuple[str, ...] | Literal["any"]:
    return "any" if names == "any" else tuple(sorted(set(names)))


def _chart(chart: CarriedChart, content: LocalContent) -> Chart:
    return Chart(
        name=chart.name,
        version=chart.version,
        digest=chart.manifest.digest,
        content=_content_of(chart),
        release_name=chart.source.release_name,
        namespace=chart.source.namespace,
        values=tuple(digest(content.files[path]) for path in chart.source.values),
        schema=digest(chart.schema) if chart.schema is not None else None,
    )


def _manifests(spec: Spec, content: LocalContent) -> tuple[Manifests, ...]:
    found = (
        Manifests(
            name=manifests_name(source),
            digest=digest(content.streams[manifests_name(source)]),
            namespace=source.namespace,
        )
        for source in spec.manifests
    )
    return tuple(sorted(found, key=lambda m: m.name))


def _inputs(spec: Spec) -> tuple[Input, ...]:
    return tuple(
        Input(
            name=name,
            type=given.type,
            default=given.default,
            secret=given.secret,
            generated=given.generated,
            help=given.help,
            to=tuple(sorted(map(_target, given.to), key=documents.encode)),
        )
        for name, given in sorted(spec.inputs.items())
    )


def _target(target: Target) -> InputTarget:
    return InputTarget(
        chart=target.chart,
        path=target.path,
        manifest=target.manifest,
        kind=target.kind,
        name=target.name,
    )


def _generated(spec: Spec) -> tuple[GeneratedField, ...]:
    found = (
        GeneratedField(chart=g.chart, kind=g.kind, name=g.name, path=g.path) for g in spec.generated
    )
    return tuple(sorted(set(found), key=documents.encode))


def _telemetry(spec: Spec, content: LocalContent) -> Telemetry | None:
    if spec.telemetry is None:
        return None
    catalogue = digest(content.files[spec.catalogue]) if spec.catalogue else None
    return Telemetry(recipients=spec.telemetry.recipients, catalogue=catalogue)


# --- blobs ----------------------------------------------------------------------------------------

Need = tuple[str, Descriptor]
"""A repository, and a blob that must be in it."""


def _needs(
    product: str, images: Iterable[CarriedImage], charts: Iterable[CarriedChart], files: Artifact
) -> Iterator[Need]:
    for one in images:
        repository = image_repository(one.image.name)
        yield from ((repository, blob) for blob in one.blobs)
    for chart in charts:
        repository = chart_repository(product, chart.name)
        yield from ((repository, blob) for blob in (chart.manifest, *chart.blobs))
    for part in files.blobs:
        described = Descriptor(part.digest, len(part.data), part.media_type)
        yield files_repository(product), described


def _blobs(needs: Iterable[Need]) -> tuple[Blob, ...]:
    repositories: dict[str, set[str]] = {}
    described: dict[str, Descriptor] = {}
    for repository, blob in sorted(needs, key=lambda need: (need[1].digest, need[1].media_type)):
        repositories.setdefault(blob.digest, set()).add(repository)
        known = described.setdefault(blob.digest, blob)
        if known.size != blob.size:
            raise InputError(
                f"{repository} says that blob {blob.digest} has {blob.size} bytes, another "
                f"manifest says {known.size}",
                "One of the manifests is wrong: push its image anew.",
            )
    return tuple(_blob(blob, repositories[blob.digest]) for blob in described.values())


def _blob(blob: Descriptor, repositories: Iterable[str]) -> Blob:
    return Blob(
        digest=blob.digest,
        size=blob.size,
        media_type=blob.media_type,
        repositories=tuple(sorted(repositories)),
    )


def packed_blobs(
    spec: Spec, content: LocalContent, charts: Iterable[CarriedChart]
) -> dict[str, bytes]:
    """The bytes, by digest, of everything that we pack ourselves."""
    known = list(charts)
    artifacts = [chart.artifact for chart in known if chart.artifact is not None]
    artifacts.append(files_of(own_files(spec, content, known)))
    return {part.digest: part.data for artifact in artifacts for part in artifact.blobs}
