"""OCI manifests of what we pack ourselves: charts in Helm's form, and the artifact `files`.

Pure: bytes in, bytes out, the same for the same content. Layers are titled, so that `oras pull` and
`helm pull` give them back by name. Source: OCI image-spec 1.1 manifest.md, "Guidelines for artifact
usage"; Helm's "OCI-based registries".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airferry_foundation import documents
from airferry_foundation.digests import digest

IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
FILES_ARTIFACT = "application/vnd.airferry.files.v1"
FILE_CONTENT = "application/vnd.airferry.file.v1"
EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
TITLE = "org.opencontainers.image.title"


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that are a blob, and what they are."""

    data: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """The digest of the bytes."""
        return digest(self.data)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest, and the blobs that it names."""

    manifest: Content
    parts: tuple[Content, ...]

    @property
    def blobs(self) -> tuple[Content, ...]:
        """The manifest and its parts."""
        return (self.manifest, *self.parts)


def chart_artifact(package: bytes, metadata: Mapping[str, Any]) -> Artifact:
    """A chart as Helm pushes it; `metadata` is the content of its Chart.yaml."""
    name, version = str(metadata["name"]), str(metadata["version"])
    config = Content(documents.encode(dict(metadata)), CHART_CONFIG)
    layer = Content(package, CHART_CONTENT)
    title = {TITLE: f"{name}-{version}.tgz"}
    about = {TITLE: name, "org.opencontainers.image.version": version}
    manifest = _manifest(config, [(layer, title)], annotations=about)
    return Artifact(manifest, (config, layer))


def files_artifact(files: Mapping[str, bytes]) -> Artifact:
    """The release's own files, by title."""
    config = Content(EMPTY, EMPTY_CONFIG)
    layers = [
        (Content(data, FILE_CONTENT), {TITLE: title}) for title, data in sorted(files.items())
    ]
    manifest = _manifest(config, layers, artifact_type=FILES_ARTIFACT)
    return Artifact(manifest, (config, *(layer for layer, _ in layers)))


def _manifest(
    config: Content,
    layers: Iterable[tuple[Content, Mapping[str, str]]],
    *,
    annotations: Mapping[str, str] | None = None,
    artifact_type: str | None = None,
) -> Content:
    content: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": _descriptor(config),
        "layers": [_descriptor(layer) | {"annotations": dict(notes)} for layer, notes in layers],
    }
    if annotations:
        content["annotations"] = dict(annotations)
    if artifact_type:
        content["artifactType"] = artifact_type
    return Content(documents.encode(content), IMAGE_MANIFEST)


def _descriptor(content: Content) -> dict[str, Any]:
    return {
        "mediaType": content.media_type,
        "digest": content.digest,
        "size": len(content.data),
    }
