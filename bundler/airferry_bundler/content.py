"""The local files that a spec names, read and packed the same way by `lock` and by `build`.

`lock` keeps their digests; `build` reads them again and goes on only if they are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from airferry_bundler.spec import ManifestSource, SpecFile, manifests_name, value_set
from airferry_foundation import files
from airferry_foundation.digests import digest
from airferry_foundation.errors import ChartError, InputError
from airferry_rendering import packing

MAX_FILE = 16 << 20  # of a values file, a document: not of an image
MAX_CHART = 64 << 20
_YAML = {".yaml", ".yml"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document about the release or one of its images (`about`, a digest), made at `lock`."""

    title: str
    data: bytes
    kind: Literal["sbom", "provenance"]
    about: str | None = None


@dataclass(frozen=True, slots=True)
class LocalContent:
    """What lies beside the spec.

    `sources`: each path of the spec to the digest of what it gave; `packages`: chart path to .tgz;
    `streams`: manifests entry to its YAML stream; `files`: path to bytes, of values (also those
    that are only rendered with) and of files that are carried; `evidence`: what `lock` found out.
    """

    sources: dict[str, str]
    packages: dict[str, bytes]
    streams: dict[str, bytes]
    files: dict[str, bytes]
    evidence: tuple[Evidence, ...] = ()


def gather(spec_file: SpecFile) -> LocalContent:
    """Read everything local, charts packed."""
    spec = spec_file.spec
    packages = {
        chart.path: chart_package(spec_file.at(chart.path))
        for chart in spec.charts
        if chart.path is not None
    }
    streams = {manifests_name(m): manifest_stream(spec_file.at(m.path), m) for m in spec.manifests}
    read = {path: files.read_capped(spec_file.at(path), MAX_FILE) for path in _named(spec_file)}
    by_path = {m.path: streams[manifests_name(m)] for m in spec.manifests}
    sources = {path: digest(data) for path, data in (packages | by_path | read).items()}
    return LocalContent(sources, packages, streams, read)


def _named(spec_file: SpecFile) -> Iterator[str]:
    """Every single file that the spec names."""
    spec = spec_file.spec
    for chart in spec.charts:
        yield from chart.values
        for entry in chart.render_with:
            yield from value_set(entry)
    yield from spec.files
    yield from filter(None, (spec.catalogue, spec.thresholds))
    yield from (one.key for one in spec.verify)


def chart_package(path: Path) -> bytes:
    """A chart's .tgz: of a folder packed by us, always the same; a .tgz as it is."""
    if path.is_dir():
        return packing.pack_chart(path)
    return files.read_capped(path, MAX_CHART)


def manifest_stream(path: Path, source: ManifestSource) -> bytes:
    """One YAML stream of a folder's files, by their paths in order; or of a single file."""
    found = [path] if path.is_file() else sorted(_yaml_files(path), key=Path.as_posix)
    if not found:
        raise ChartError(
            f"{source.path} holds no .yaml or .yml file", "Name the folder that holds manifests."
        )
    return b"---\n".join(_document(file) for file in found)


def _yaml_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.suffix in _YAML and path.is_file():
            if not path.resolve().is_relative_to(folder.resolve()):
                raise InputError(f"{path} is a link that leads out of {folder}", "Copy the file.")
            yield path


def _document(path: Path) -> bytes:
    data = files.read_capped(path, MAX_FILE)
    return data if data.endswith(b"\n") else data + b"\n"
