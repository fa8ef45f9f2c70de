"""What was found out to a release: pure, and sorted everywhere, so that one spec gives one release.

Which blob belongs to which repository of the bundle is decided here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from airferry_archive.release import (
    Audience,
    Blob,
    Chart,
    GeneratedField,
    Input,
    InputTarget,
    Manifests,
    Referrer,
    Release,
    Telemetry,
)
from airferry_bundler.artifacts import Artifact
from airferry_bundler.carried import (
    CarriedChart,
    CarriedImage,
    chart_repository,
    files_repository,
    image_repository,
)
from airferry_bundler.content import LocalContent
from airferry_bundler.own_files import files_of, own_files
from airferry_bundler.spec import Spec, Target, manifests_name
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError
from airferry_registry.manifests import Descriptor


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What neither spec nor files say."""

    issued_at: str
    root_version: int


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
        audience=_audience(spec),
        platforms=tuple(sorted(spec.platforms)),
        upgrade_from=spec.upgrade_from,
        required_stops=tuple(sorted(spec.required_stops)),
        requires=spec.requires,
        images=tuple(one.image for one in carried),
        referrers=_referrers(carried),
        charts=tuple(_chart(chart, content) for chart in packed),
        manifests=_manifests(spec, content),
        inputs=_inputs(spec),
        generated=_generated(spec),
        attachments=tuple(file.attachment for file in own),
        blobs=_blobs(_needs(spec.product, carried, packed, files_of(own))),
        members={},
        telemetry=_telemetry(spec, content),
    )


# --- parts of a release ---------------------------------------------------------------------------


def _audience(spec: Spec) -> Audience:
    customers, environments = spec.audience.customers, spec.audience.environments
    return Audience(
        customers=customers if isinstance(customers, str) else _names(customers),
        environments=environments if isinstance(environments, str) else _names(environments),
    )


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _referrers(images: Iterable[CarriedImage]) -> tuple[Referrer, ...]:
    """Each once: two images may be the same under two names."""
    found = {documents.encode(one): one for image in images for one in image.referrers}
    return tuple(sorted(found.values(), key=lambda r: (r.subject, r.digest, r.tag or "")))


def _chart(chart: CarriedChart, content: LocalContent) -> Chart:
    return Chart(
        name=chart.name,
        version=chart.version,
        digest=chart.manifest.digest,
        content=chart.content,
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
