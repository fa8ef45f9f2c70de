"""Helm charts: what a package holds, and what `helm template` makes of it.

Helm renders, offline unless a cluster is given for `lookup`; nothing is written but the package
itself. Values go through stdin, merged, so that a secret among them is never in a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from airferry_foundation import files, process, programs
from airferry_foundation.errors import ChartError
from airferry_rendering import packing, yaml_stream
from airferry_rendering.hooks import Hook, hook_of
from airferry_rendering.objects import Object, located

Operation = Literal["install", "upgrade"]
HELM_SECONDS = 120.0

_AT_ONCE = 500
"""API versions in one argument: Linux takes 128 KiB a piece."""

_LOOKUP = re.compile(rb"\{\{[^}]*\blookup\b[^}]*\}\}", re.DOTALL)
_ARGUMENTS = re.compile(rb"\blookup\s+(.{1,200}?)(?:\)|-?\}\}|\|)", re.DOTALL)
_SOURCE = re.compile(rb"^# Source: (\S+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What templates may ask of a cluster: its version, and its API versions and kinds.

    `api_versions` holds both forms that Helm knows: `apps/v1` and `apps/v1/Deployment`.
    """

    kube_version: str
    api_versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """A cluster that `lookup` may read, by the person's own login."""

    kubeconfig: Path | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class ChartFacts:
    """What stands in a package, without rendering it.

    `metadata`: Chart.yaml; `values`: values.yaml; `schema`: values.schema.json; `lookups`: one line
    for each `lookup` in a template (template: arguments); `crds`: the objects in `crds/`.
    """

    name: str
    version: str
    metadata: Mapping[str, Any]
    values: Mapping[str, Any]
    schema: bytes | None
    lookups: tuple[str, ...]
    crds: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class ChartObject:
    """One rendered object, and which template made it; `crd`: it stood in `crds/`."""

    body: Object
    source_template: str
    hook: Hook | None = None
    crd: bool = False


@dataclass(frozen=True, slots=True)
class RenderedChart:
    """All that a chart makes, in the order Helm prints it; hooks of every event are among it."""

    objects: tuple[ChartObject, ...] = field(default_factory=tuple)

    def bodies(self) -> list[Object]:
        """The objects alone."""
        return [item.body for item in self.objects]


def read_chart(source: bytes | Path, *, name: str = "the chart") -> ChartFacts:
    """Facts of a .tgz (bytes or path) or of a chart folder; ChartError if it is no chart."""
    contents = _contents(source, name)
    top = _top_folder(contents, name)
    own = {path.removeprefix(f"{top}/"): data for path, data in contents.items()}
    metadata = _mapping(own["Chart.yaml"], f"{name}: Chart.yaml")
    for key in ("name", "version"):
        if not isinstance(metadata.get(key), str):
            raise ChartError(f"{name}: Chart.yaml has no {key}")
    return ChartFacts(
        name=metadata["name"],
        version=metadata["version"],
        metadata=metadata,
        values=_mapping(own.get("values.yaml", b""), f"{name}: values.yaml"),
        schema=own.get("values.schema.json"),
        lookups=tuple(_lookups(contents)),
        crds=tuple(_crds(contents)),
    )


def _contents(source: bytes | Path, name: str) -> dict[str, bytes]:
    if isinstance(source, Path) and source.is_dir():
        return {f"chart/{path}": data for path, data in packing.read_folder(source).items()}
    if isinstance(source, Path):
        source = files.read_capped(source, packing.MAX_PACKAGE)
    return packing.unpack(source, name=name)


def _top_folder(contents: Mapping[str, bytes], name: str) -> str:
    tops = [p.partition("/")[0] for p in contents if p.count("/") == 1 and p.endswith("Chart.yaml")]
    if len(tops) != 1:
        raise ChartError(f"{name} holds no Chart.yaml at its top", "Is it a Helm chart?")
    return tops[0]


def _mapping(data: bytes, name: str) -> dict[str, Any]:
    documents = [document for _, document in yaml_stream.load_all(data, name=name)]
    if not documents:
        return {}
    if len(documents) > 1 or not isinstance(documents[0], dict):
        raise ChartError(f"{name}: expected one mapping")
    return documents[0]


def _lookups(contents: Mapping[str, bytes]) -> list[str]:
    found: list[str] = []
    for path, data in sorted(contents.items()):
        if "/templates/" in path and _LOOKUP.search(data):
            arguments = _ARGUMENTS.findall(data) or [b"?"]
            found += [f"{path}: {' '.join(a.decode(errors='replace').split())}" for a in arguments]
    return found


def _crds(contents: Mapping[str, bytes]) -> list[Object]:
    crds: list[Object] = []
    for path, data in sorted(contents.items()):
        if "/crds/" in path and path.endswith((".yaml", ".yml", ".json")):
            crds += [obj for _, obj in located(data, name=path)]
    return crds


# --- values ---------------------------------------------------------------------------------------


def merge(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Values laid over values as Helm does it: mappings merge, all else is replaced."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = merge(below, value)  # noqa: PLW2901 - the value that it becomes
        merged[key] = value
    return merged


def read_values(values: Sequence[bytes], *, name: str = "values") -> dict[str, Any]:
    """Several values files as one mapping, later ones win; ChartError names the line."""
    merged: dict[str, Any] = {}
    for number, data in enumerate(values, 1):
        merged = merge(merged, _mapping(data, f"{name} {number}" if len(values) > 1 else name))
    return merged


# --- rendering ------------------------------------------------------------------------------------


def render(  # noqa: PLR0913 - they are the arguments of `helm template`
    tgz: Path,
    *,
    release_name: str,
    namespace: str,
    values: Sequence[bytes],
    capabilities: Capabilities,
    operation: Operation,
    validate: bool = True,
    server: Server | None = None,
) -> RenderedChart:
    """Render a chart package.

    `values` are YAML, later ones win. `validate=False` skips the values schema. With `server`,
    `lookup` reads that cluster (nothing is written to it). Hooks of all events come along:
    `Hook.runs_in` picks. ChartError names chart, file and line.
    """
    merged = read_values(values, name=f"the values of {tgz.name}")
    command: list[str | Path] = [programs.find("helm"), "template", release_name, tgz]
    command += ["--namespace", namespace, "--include-crds", "--values", "-"]
    command += ["--kube-version", capabilities.kube_version]
    for start in range(0, len(capabilities.api_versions), _AT_ONCE):
        some = capabilities.api_versions[start : start + _AT_ONCE]
        command += ["--api-versions", ",".join(some)]
    command += ["--is-upgrade"] if operation == "upgrade" else []
    command += [] if validate else ["--skip-schema-validation"]
    command += _server_flags(server)
    with files.scratch_folder() as scratch:
        done = process.run(
            command,
            input=msgspec.json.encode(merged),
            timeout=HELM_SECONDS,
            environment=_helm_homes(scratch),
            inherit=server is not None,
        )
    if done.code:
        raise chart_error(tgz.name, done.stderr.decode(errors="replace"))
    return RenderedChart(tuple(_parse(done.stdout, tgz.name)))


def _server_flags(server: Server | None) -> list[str | Path]:
    if server is None:
        return []
    flags: list[str | Path] = ["--dry-run=server"]
    flags += ["--kubeconfig", server.kubeconfig] if server.kubeconfig else []
    flags += ["--kube-context", server.context] if server.context else []
    return flags


def _helm_homes(scratch: Path) -> dict[str, str]:
    """Helm's folders, empty: no plugin and no setting of the person's changes what is rendered."""
    names = ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")
    return {name: str(scratch / name.lower()) for name in names}


def _parse(output: bytes, chart: str) -> list[ChartObject]:
    """Helm's stream; each object belongs to the last `# Source:` line above it."""
    sources = list(_SOURCE.finditer(output))
    ends = [match.start() for match in sources[1:]] + [len(output)]
    objects: list[ChartObject] = []
    for match, end in zip(sources, ends, strict=True):
        source = match[1].decode(errors="replace")
        part = output[match.end() : end]
        for _, obj in located(part, name=f"chart {chart}, {source}"):
            is_crd = "crds" in source.split("/") and obj["kind"] == "CustomResourceDefinition"
            objects.append(ChartObject(obj, source, hook_of(obj), is_crd))
    return objects


# --- what Helm complains about, in words ----------------------------------------------------------

_PLACES = (
    re.compile(r"parse error at \((?P<file>[^:()]+):(?P<line>\d+)\): (?P<text>.*)", re.DOTALL),
    re.compile(
        r"execution error at \((?P<file>[^:()]+):(?P<line>\d+):\d+\): (?P<text>.*)", re.DOTALL
    ),
    re.compile(
        r"YAML parse error on (?P<file>\S+): .*?(?:yaml: line (?P<line>\d+): )?(?P<text>[^:\n]*)$",
        re.DOTALL,
    ),
    re.compile(
        r"(?:template: )?(?P<file>[\w.+-]+/(?:charts/|templates/)\S*?):(?P<line>\d+)(?::\d+)?:?\s+"
        r"(?P<text>.*)",
        re.DOTALL,
    ),
)  # fmt: skip


def chart_error(chart: str, complaint: str) -> ChartError:
    """The error that Helm's stderr stands for: chart, file, line and what is wrong."""
    text = complaint.strip().removeprefix("Error: ")
    text = text.split("\n\nUse --debug flag")[0]
    if "values don't meet the specifications of the schema" in text:
        problems = text.partition("\n")[2].strip() or text
        return ChartError(
            f"chart {chart}: values do not fit the chart's schema:\n{problems}",
            "Correct the values (site.yaml: values, inputs) that are named above.",
        )
    for pattern in _PLACES:
        if found := pattern.search(text):
            line = f", line {found['line']}" if found["line"] else ""
            said = _last_words(found["text"])
            return ChartError(f"chart {chart}, {found['file']}{line}: {said}")
    return ChartError(f"chart {chart} can't be rendered: {text[-1000:]}")


def _last_words(text: str) -> str:
    """The innermost of Helm's nested complaints, which is the one that tells the cause."""
    text = " ".join(text.split())
    return text if len(text) < 400 else f"{text[:180]} … {text[-200:]}"
