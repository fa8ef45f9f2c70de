"""The charts of a spec as they are carried: packed by us, or pulled byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airferry_bundler.artifacts import CHART_CONTENT, chart_artifact
from airferry_bundler.carried import CarriedChart
from airferry_bundler.content import MAX_CHART, LocalContent
from airferry_bundler.origins import Origins
from airferry_bundler.spec import ChartSource, SpecFile
from airferry_foundation.errors import ChartError
from airferry_registry.manifests import Descriptor, Index, Manifest, StoredManifest
from airferry_registry.references import parse
from airferry_rendering.charts import read_chart

Nearby = Callable[[str], bytes | None]
"""A blob of the release, by its digest, that need not be asked for over a network; verified."""


def carried_charts(
    spec_file: SpecFile,
    content: LocalContent,
    origins: Origins,
    pinned: Mapping[str, str] | None = None,
    nearby: Nearby = lambda _digest: None,
) -> tuple[CarriedChart, ...]:
    """Every chart; `pinned` are manifest digests by chart name, of a lock, for those with `ref`.

    A registry is asked only for what `nearby` does not have.
    """
    found = []
    for source in spec_file.spec.charts:
        if source.path is not None:
            found.append(local_chart(source, content.packages[source.path]))
        else:
            found.append(_remote_chart(source, origins, pinned or {}, nearby))
    return tuple(found)


def local_chart(source: ChartSource, package: bytes) -> CarriedChart:
    """A chart that lies beside the spec."""
    facts = read_chart(package, name=str(source.path))
    made = chart_artifact(package, facts.metadata)
    described = [Descriptor(blob.digest, len(blob.data), blob.media_type) for blob in made.blobs]
    return CarriedChart(
        source=source,
        name=facts.name,
        version=facts.version,
        package=package,
        manifest=described[0],
        blobs=tuple(described[1:]),
        schema=facts.schema,
        artifact=made,
    )


def _remote_chart(
    source: ChartSource, origins: Origins, pinned: Mapping[str, str], nearby: Nearby
) -> CarriedChart:
    reference = parse(str(source.ref).removeprefix("oci://"))
    name = reference.repository.rpartition("/")[2]
    tag = (source.version or "").replace("+", "_")  # as Helm does: a tag can't hold a plus
    version = pinned.get(name) or reference.digest or tag
    here = nearby(version)
    if here is not None:
        stored = StoredManifest(here, "", version)
    else:
        stored = origins.repository(reference).manifest(version)
    parsed = stored.parse()
    content = _content_layer(parsed, f"{source.ref}:{source.version}")
    package = nearby(content.digest)
    if package is None:
        package = origins.repository(reference).small_blob(content.digest, MAX_CHART)
    facts = read_chart(package, name=str(source.ref))
    if facts.name != name or source.version not in {None, facts.version}:
        raise ChartError(
            f"{source.ref} {source.version} holds chart {facts.name} {facts.version}",
            "A chart is pushed under its own name and version; push it anew.",
        )
    return CarriedChart(
        source=source,
        name=name,
        version=facts.version,
        package=package,
        manifest=Descriptor(stored.digest, len(stored.data), parsed.media_type),
        blobs=tuple(dict.fromkeys(parsed.blobs)) if isinstance(parsed, Manifest) else (),
        schema=facts.schema,
        origin=reference.name,
    )


def _content_layer(parsed: Manifest | Index, name: str) -> Descriptor:
    layers = () if isinstance(parsed, Index) else parsed.layers
    found = [layer for layer in layers if layer.media_type == CHART_CONTENT]
    if len(found) != 1:
        raise ChartError(f"{name} is no chart as Helm pushes it", "Push it with `helm push`.")
    return found[0]
