"""Images that charts and manifests use, found by rendering them with real helm.

Each chart is rendered with each set of values, at the oldest and the newest Kubernetes that it is
for, as an install and as an upgrade; and twice the same way, to find fields made at random.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from airferry_bundler import unrendered
from airferry_bundler.carried import CarriedChart
from airferry_bundler.content import LocalContent
from airferry_bundler.inputs import placeholders
from airferry_bundler.spec import Spec, value_set
from airferry_foundation import documents, files
from airferry_foundation.errors import ChartError, ImageReferenceError
from airferry_rendering import generated
from airferry_rendering.charts import (
    Capabilities,
    ChartFacts,
    Operation,
    RenderedChart,
    read_chart,
    read_values,
    render,
)
from airferry_rendering.images import find, normal
from airferry_rendering.objects import Object, parse_stream

NEWEST_KUBERNETES = "1.37.0"
_WORKERS = 4

GeneratedAt = tuple[str, str, str, str]
"""Chart, kind, name and JSON pointer of a field that is made at random."""


@dataclass(slots=True)
class Discovered:
    """What rendering showed.

    `found_in`: full image name to the places that use it; `generated`: fields made at random;
    `unrendered`: values that look like images and were in no workload; `notes`: lines for people.
    """

    found_in: dict[str, set[str]] = field(default_factory=dict)
    generated: set[GeneratedAt] = field(default_factory=set)
    unrendered: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def places(self, name: str) -> tuple[str, ...]:
        """Where an image is used, sorted."""
        return tuple(sorted(self.found_in.get(name, ())))


def discover(spec: Spec, charts: Iterable[CarriedChart], content: LocalContent) -> Discovered:
    """Render all, and look.

    ChartError: a chart can't be rendered, or makes fields at random that the spec does not list.
    """
    found = Discovered()
    for name, stream in sorted(content.streams.items()):
        for obj in parse_stream(stream, name=f"manifests {name}"):
            _look(obj, f"manifests/{name}:", found)
    candidates: dict[str, str] = {}
    with files.scratch_folder() as scratch:
        for chart in sorted(charts, key=lambda c: c.name):
            candidates |= _discover_chart(spec, chart, content, scratch, found)
    found.unrendered.update(unrendered.missing(candidates, found.found_in))
    _expect_listed(spec, found)
    return found


def _discover_chart(
    spec: Spec, chart: CarriedChart, content: LocalContent, scratch: Path, found: Discovered
) -> dict[str, str]:
    """Render one chart in all ways; returns its values that look like images, by place."""
    package = scratch / f"{chart.name}-{chart.version}.tgz"
    files.write_new(package, chart.package)
    facts = read_chart(chart.package, name=chart.name)
    found.notes += [f"calls lookup, so a cluster may change it: {line}" for line in facts.lookups]
    candidates: dict[str, str] = {}
    for values in _value_sets(chart, content):
        _render_set(spec, chart, package, (values, facts), found)
        merged = read_values(values, name=f"values of {chart.name}")
        candidates |= unrendered.candidates(chart.name, facts.values, merged)
    return candidates


def _value_sets(chart: CarriedChart, content: LocalContent) -> Iterator[list[bytes]]:
    carried = [content.files[path] for path in chart.source.values]
    yield carried
    for entry in chart.source.render_with:
        yield carried + [content.files[path] for path in value_set(entry)]


def _render_set(
    spec: Spec,
    chart: CarriedChart,
    package: Path,
    given: tuple[list[bytes], ChartFacts],
    found: Discovered,
) -> None:
    values, facts = given
    filled = placeholders(spec, chart.name, facts.values, read_values(values))
    layered = [*values, documents.encode(filled)] if filled else values
    newest, oldest = NEWEST_KUBERNETES, oldest_kubernetes(spec)
    ways: tuple[tuple[Operation, str], ...] = (
        ("install", newest), ("install", newest), ("upgrade", newest), ("install", oldest),
    )  # fmt: skip

    def one(way: tuple[Operation, str]) -> RenderedChart:
        return render(
            package,
            release_name=chart.source.release_name,
            namespace=chart.source.namespace,
            values=layered,
            capabilities=Capabilities(way[1]),
            operation=way[0],
            validate=not filled,  # a placeholder need not fit the chart's schema
        )

    with ThreadPoolExecutor(_WORKERS) as pool:
        rendered = list(pool.map(one, ways))
    for result in rendered:
        for item in result.objects:
            _look(item.body, f"{chart.name}: {item.source_template}", found)
    for key, pointer in generated.differing(rendered[0].bodies(), rendered[1].bodies()):
        if not generated.is_derived(pointer):
            found.generated.add((chart.name, key.kind, key.name, pointer))


def _look(obj: Object, where: str, found: Discovered) -> None:
    for pointer, text in find(obj):
        place = f"{where} {obj['kind']}/{obj['metadata']['name']} {pointer}"
        try:
            name = normal(text)
        except ImageReferenceError as error:
            raise ChartError(f"{place}: {error.message}", "Set the value it comes from.") from None
        found.found_in.setdefault(name, set()).add(place)


def oldest_kubernetes(spec: Spec) -> str:
    """The lowest version that `requires.kubernetes` lets in, the newest known if it says none."""
    match = re.search(r">=(\d+)\.(\d+)(?:\.(\d+))?", spec.requires.kubernetes or "")
    return f"{match[1]}.{match[2]}.{match[3] or 0}" if match else NEWEST_KUBERNETES


def _expect_listed(spec: Spec, found: Discovered) -> None:
    """Every field that is made at random must be in the spec, which a site then keeps."""
    listed = {(g.chart, g.kind, g.name, g.path) for g in spec.generated}
    unlisted = sorted(at for at in found.generated if not _covered(at, listed))
    if unlisted:
        lines = "\n".join(f"  chart {c}: {k} {n}, field {p}" for c, k, n, p in unlisted)
        first = "{{chart: {}, kind: {}, name: {}, path: {}}}".format(*unlisted[0])
        raise ChartError(
            f"made at random at each render, and neither under `generated:` nor fed from an "
            f"input:\n{lines}",
            f"List each as `- {first}`, or give the chart's value an input.",
        )
    for at in sorted(listed):
        if not any(_covered(seen, {at}) for seen in found.generated):
            found.notes.append(f"listed under generated: but the same twice: {' '.join(at)}")


def _covered(at: GeneratedAt, listed: Iterable[GeneratedAt]) -> bool:
    """Whether a field, or one around it, is listed."""
    return any(at[:3] == one[:3] and f"{at[3]}/".startswith(f"{one[3]}/") for one in listed)
