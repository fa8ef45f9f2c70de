"""What the types of airferry.yaml can't say: files that are missing, names that don't fit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

import msgspec

from airferry_archive.release import Name, Title
from airferry_bundler.spec import (
    LOCAL_IMAGES,
    ChartSource,
    Input,
    Spec,
    Target,
    image_source,
    local_image,
    manifests_name,
    value_set,
)
from airferry_foundation import files, handwritten
from airferry_foundation.errors import AirferryError, InputError
from airferry_foundation.handwritten import Lines, Place, Problem
from airferry_telemetry import catalogue

Mistake = tuple[Place, str]


def problems(spec: Spec, folder: Path, lines: Lines) -> Iterator[Problem]:
    """Every mistake of a spec whose types fit; `folder` is where its paths start."""
    checks: tuple[Callable[[Spec, Path], Iterable[Mistake]], ...] = (
        _images, _charts, _manifests, _carried_files, _inputs, _generated, _registries, _twice,
    )  # fmt: skip
    for check in checks:
        for place, text in check(spec, folder):
            yield Problem(lines.at(place), text)


def chart_name(source: ChartSource, folder: Path) -> str | None:
    """What a chart is called: by its own Chart.yaml, or the end of its reference."""
    if source.ref is not None:
        return source.ref.rstrip("/").rpartition("/")[2].partition("@")[0]
    if source.path is None:
        return None
    path = folder / source.path
    return _name_in_folder(path) if path.is_dir() else _name_in_package(path)


def _name_in_folder(path: Path) -> str | None:
    try:
        data = (path / "Chart.yaml").read_bytes()[: handwritten.MAX_BYTES]
        return str(handwritten.load(data, name=str(path)).data.get("name"))
    except (AirferryError, OSError):
        return None


def _name_in_package(path: Path) -> str | None:
    """`cache` out of `cache-2.1.0.tgz`, as `helm package` names its files."""
    match = re.fullmatch(r"(.+?)-\d+\..*", path.stem)
    return match[1] if match and path.is_file() else None


# --- one check a part of the file -----------------------------------------------------------------


def _images(spec: Spec, folder: Path) -> Iterator[Mistake]:
    for number, entry in enumerate(spec.images):
        ref = image_source(entry).ref
        place: Place = ("images", number)
        if not ref.startswith(LOCAL_IMAGES):
            continue
        path = local_image(ref)[1]
        if not path or path.startswith("/"):
            yield place, f"{ref!r}: the path must be relative to airferry.yaml"
        elif not (folder / path).exists():
            yield place, f"{path} does not exist"


def _charts(spec: Spec, folder: Path) -> Iterator[Mistake]:
    for number, chart in enumerate(spec.charts):
        place: Place = ("charts", number)
        yield from _chart_source(chart, folder, place)
        for at, path in enumerate(chart.values):
            yield from _carried(path, folder, (*place, "values", at))
        for at, entry in enumerate(chart.render_with):
            for path in value_set(entry):
                yield from _file(path, folder, (*place, "render_with", at))


def _chart_source(chart: ChartSource, folder: Path, place: Place) -> Iterator[Mistake]:
    if (chart.path is None) == (chart.ref is None):
        yield place, "a chart has either `path` or `ref`"
    elif chart.path is not None:
        yield from _chart_path(folder / chart.path, chart.path, (*place, "path"))
        if chart.version is not None:
            yield (*place, "version"), "`version` goes with `ref`; a folder's is in its Chart.yaml"
    elif chart.version is None and "@sha256:" not in str(chart.ref):
        yield place, "`ref` needs a `version`"


def _chart_path(path: Path, shown: str, place: Place) -> Iterator[Mistake]:
    if not path.exists():
        yield place, f"{shown} does not exist"
    elif path.is_dir() and not (path / "Chart.yaml").is_file():
        yield place, f"{shown} is no chart: it has no Chart.yaml"
    elif path.is_dir() and _name_in_folder(path) is None:
        yield place, f"{shown}/Chart.yaml can't be read as YAML"


def _manifests(spec: Spec, folder: Path) -> Iterator[Mistake]:
    for number, source in enumerate(spec.manifests):
        place: Place = ("manifests", number)
        if not (folder / source.path).exists():
            yield (*place, "path"), f"{source.path} does not exist"
        if not _fits(Name, manifests_name(source)):
            yield place, f"{manifests_name(source)!r} can't be a name; give one with `name:`"


def _carried_files(spec: Spec, folder: Path) -> Iterator[Mistake]:
    for number, path in enumerate(spec.files):
        yield from _carried(path, folder, ("files", number))
    for key, single in (("catalogue", spec.catalogue), ("thresholds", spec.thresholds)):
        if single is not None:
            yield from _carried(single, folder, (key,))
    for number, wanted in enumerate(spec.verify):
        yield from _file(wanted.key, folder, ("verify", number, "key"))
    if spec.catalogue is not None and (folder / spec.catalogue).is_file():
        yield from _catalogue(folder / spec.catalogue)


def _catalogue(path: Path) -> Iterator[Mistake]:
    try:
        catalogue.parse(files.read_capped(path, catalogue.MAX_BYTES), name=path.name)
    except InputError as error:
        yield ("catalogue",), error.message


def _carried(path: str, folder: Path, place: Place) -> Iterator[Mistake]:
    """A file that travels under its own path needs one that is safe at the other end."""
    plain = PurePosixPath(path)
    if ".." in plain.parts or plain.as_posix() != path or not _fits(Title, path):
        yield (
            place,
            f"{path!r} can't be carried under that name: letters, digits, . _ - / and no ..",
        )
    else:
        yield from _file(path, folder, place)


def _fits(kind: object, text: str) -> bool:
    """Whether `text` has the grammar of a type of release.json."""
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return False
    return True


def _file(path: str, folder: Path, place: Place) -> Iterator[Mistake]:
    if not (folder / path).is_file():
        found = "is a folder" if (folder / path).is_dir() else "does not exist"
        yield place, f"{path} {found}"


def _inputs(spec: Spec, folder: Path) -> Iterator[Mistake]:
    charts = {chart_name(chart, folder) for chart in spec.charts}
    manifests = {manifests_name(source) for source in spec.manifests}
    for name, given in spec.inputs.items():
        place: Place = ("inputs", name)
        yield from _input_value(given, place)
        for number, target in enumerate(given.to):
            at = (*place, "to", number)
            yield from _target(target, at, charts, manifests)


def _input_value(given: Input, place: Place) -> Iterator[Mistake]:
    kinds = {"string": str, "integer": int, "boolean": bool}
    if given.default is not None and type(given.default) is not kinds[given.type]:
        yield (*place, "default"), f"{given.default!r} is no {given.type}"
    if given.default is not None and given.secret:
        yield (*place, "default"), "a secret can't have a default: everybody could read it"
    if given.generated and given.type != "string":
        yield (*place, "generated"), "only a string can be generated"
    if given.generated and not given.secret:
        yield (*place, "generated"), "a generated input must be `secret: true`"


def _target(
    target: Target, place: Place, charts: set[str | None], manifests: set[str]
) -> Iterator[Mistake]:
    if (target.chart is None) == (target.manifest is None):
        yield place, "an input goes to either a `chart` or a `manifest`"
    elif target.chart is not None and target.chart not in charts:
        yield (*place, "chart"), _unknown("chart", target.chart, charts)
    elif target.manifest is not None and target.manifest not in manifests:
        yield (*place, "manifest"), _unknown("manifests entry", target.manifest, manifests)
    elif target.manifest is not None and (target.kind is None or target.name is None):
        yield place, "a field of a manifest needs `kind`, `name` and `path`"


def _generated(spec: Spec, folder: Path) -> Iterator[Mistake]:
    charts = {chart_name(chart, folder) for chart in spec.charts}
    for number, field in enumerate(spec.generated):
        if field.chart not in charts:
            yield ("generated", number, "chart"), _unknown("chart", field.chart, charts)


def _unknown(what: str, name: str, known: Iterable[str | None]) -> str:
    listed = ", ".join(sorted(filter(None, known))) or "none"
    return f"no {what} is called {name!r}; there are: {listed}"


def _registries(spec: Spec, folder: Path) -> Iterator[Mistake]:
    for address, registry in spec.registries.items():
        place: Place = ("registries", address)
        if "@" in address:
            yield place, "a login does not belong here, it would be read by all: see `docker login`"
        elif "/" in address:
            yield place, f"{address!r}: write the host and port alone, as in registry.example:5000"
        for key in ("ca", "client_certificate", "client_key"):
            path = getattr(registry, key)
            if path is not None:
                yield from _file(path, folder, (*place, key))
        if (registry.client_certificate is None) != (registry.client_key is None):
            yield place, "`client_certificate` and `client_key` go together"


def _twice(spec: Spec, folder: Path) -> Iterator[Mistake]:
    """Entries that say the same name twice."""
    named: tuple[tuple[str, list[str | None]], ...] = (
        ("images", [source.name or source.ref for source in map(image_source, spec.images)]),
        ("charts", [chart_name(chart, folder) for chart in spec.charts]),
        ("manifests", [manifests_name(source) for source in spec.manifests]),
        ("files", list(spec.files)),
        ("platforms", list(spec.platforms)),
    )
    for part, names in named:
        for number, name in enumerate(names):
            if name is not None and name in names[:number]:
                yield (part, number), f"{name} is listed twice"
