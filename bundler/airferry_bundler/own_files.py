"""The release's own files: values, schemas, manifests, documents; layers of one artifact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from airferry_archive.release import Attachment
from airferry_bundler.artifacts import Artifact, files_artifact
from airferry_bundler.carried import CarriedChart
from airferry_bundler.content import LocalContent
from airferry_bundler.spec import Spec
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError

Kind = Literal[
    "values", "schema", "manifests", "docs", "catalogue", "thresholds", "sbom", "provenance"
]


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
            yield OwnFile(f"schemas/{chart.name}.json", chart.schema, "schema", chart.content)
    for name, stream in content.streams.items():
        yield OwnFile(f"manifests/{name}.yaml", stream, "manifests")
    for path in spec.files:
        yield OwnFile(path, content.files[path], "docs")
    if spec.catalogue:
        yield OwnFile(spec.catalogue, content.files[spec.catalogue], "catalogue")
    for one in content.evidence:
        yield OwnFile(one.title, one.data, one.kind, one.about)
    if spec.thresholds:
        yield OwnFile(spec.thresholds, content.files[spec.thresholds], "thresholds")


def files_of(own: Iterable[OwnFile]) -> Artifact:
    """The artifact `files`."""
    return files_artifact({file.title: file.data for file in own})


def packed_blobs(
    spec: Spec, content: LocalContent, charts: Iterable[CarriedChart]
) -> dict[str, bytes]:
    """The bytes, by digest, of everything that we pack ourselves."""
    known = list(charts)
    artifacts = [chart.artifact for chart in known if chart.artifact is not None]
    artifacts.append(files_of(own_files(spec, content, known)))
    return {part.digest: part.data for artifact in artifacts for part in artifact.blobs}
