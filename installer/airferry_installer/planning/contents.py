"""A release's charts and manifests as objects in their namespaces; what of them is generated.

Every chart is rendered twice, offline, with the same values: what differs is generated. Charts that
call `lookup` are rendered a third time, against the server, where the environment runs the release
already; what is generated is still what differs offline, since a `lookup` that finds the live
password hides that it was made at random.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from airferry_archive.release import Chart, Manifests
from airferry_foundation import files
from airferry_foundation.errors import ChartError, InputError
from airferry_installer.cluster.client import ClusterClient, kubeconfig
from airferry_installer.planning import values
from airferry_installer.planning.namespaces import Namespaces, Scopes, crd_versions
from airferry_installer.planning.values import GivenInput
from airferry_installer.planning.work import Item, Work
from airferry_rendering import charts, generated
from airferry_rendering.charts import Capabilities, ChartFacts, Operation, Server
from airferry_rendering.hooks import Hook
from airferry_rendering.objects import Object, ObjectKey, is_secret, key_of, parse_stream
from airferry_rendering.packing import MAX_PACKAGE
from airferry_rendering.pointers import MISSING, get, join, put

MAX_STREAM = 64 << 20


@dataclass(frozen=True, slots=True)
class Charts:
    """The release's charts, unpacked as far as rendering needs."""

    entries: tuple[Chart, ...]
    facts: tuple[ChartFacts, ...]
    packages: tuple[Path, ...]
    layers: tuple[tuple[bytes, ...], ...]


class Contents:
    """One release for one environment; `given` are its inputs, `charts` what was unpacked."""

    def __init__(self, work: Work, client: ClusterClient, scratch: Path) -> None:
        self._work, self._client, self._scratch = work, client, scratch
        self._namespaces = Namespaces.of(work.release, work.environment)
        self.given = values.given_inputs(
            work.release,
            work.environment,
            work.site_folder,
            only_product=work.site.products == (work.release.product,),
        )
        self._streams = [
            parse_stream(work.blob(m.digest, MAX_STREAM), name=f"manifests {m.name}")
            for m in work.release.manifests
        ]
        self.charts = self._read_charts()
        self._site = values.site_values(work.environment, work.release.product, work.site_folder)

    def objects(self) -> tuple[list[Item], tuple[str, ...]]:
        """Every object, its generated fields known; and what charts look up in the cluster."""
        capabilities = self._capabilities()
        first, second = self._twice(capabilities)
        fields = generated.differing([i.body for i in first], [i.body for i in second])
        fields += self._declared(first)
        items, read = self._looked_up(first, capabilities)
        return _unique(_with_generated(items, generated.by_object(fields))), read

    def layers(self, number: int) -> list[bytes]:
        """The values files of a chart: the vendor's, then the site's."""
        return [*self.charts.layers[number], *(data for _, data in self._site)]

    def _read_charts(self) -> Charts:
        facts, packages, layers = [], [], []
        for chart in self._work.release.charts:
            package = self._work.blob(chart.content, MAX_PACKAGE)
            path = self._scratch / f"{chart.name}-{chart.version}.tgz"
            files.write_atomic(path, package, mode=0o600)
            facts.append(charts.read_chart(package, name=f"chart {chart.name}"))
            packages.append(path)
            layers.append(tuple(self._work.blob(d, values.MAX_VALUES) for d in chart.values))
        entries = self._work.release.charts
        return Charts(entries, tuple(facts), tuple(packages), tuple(layers))

    def _capabilities(self) -> Capabilities:
        """The cluster's API list and the CRDs that the release is known to bring."""
        crds = [crd for facts in self.charts.facts for crd in facts.crds]
        crds += [obj for stream in self._streams for obj in stream]
        served = {*self._client.api_versions(), *crd_versions(crds)}
        return Capabilities(self._client.version(), tuple(sorted(served)))

    def _twice(self, capabilities: Capabilities) -> tuple[list[Item], list[Item]]:
        """Two renders of everything; a CRD out of a template widens what templates may ask for."""
        other = values.again(self.given)
        first = self._rendered(capabilities, self.given)
        added = crd_versions(item.body for item in first)
        if not set(added) <= set(capabilities.api_versions):
            every = tuple(sorted({*capabilities.api_versions, *added}))
            return self._twice(replace(capabilities, api_versions=every))
        second = self._rendered(capabilities, other)
        scopes = Scopes.of(self._client.discovery(), (item.body for item in first))
        return self._placed(first, scopes), self._placed(second, scopes)

    def _rendered(self, capabilities: Capabilities, given: Iterable[GivenInput]) -> list[Item]:
        numbers = range(len(self.charts.entries))
        one = partial(self._chart, capabilities=capabilities, given=tuple(given))
        with ThreadPoolExecutor(2) as pool:
            items = [item for found in pool.map(one, numbers) for item in found]
        for number, (entry, stream) in enumerate(
            zip(self._work.release.manifests, self._streams, strict=True), len(numbers)
        ):
            items += self._manifests(number, entry, stream, given)
        return items

    def _chart(
        self,
        number: int,
        *,
        capabilities: Capabilities,
        given: tuple[GivenInput, ...],
        server: Server | None = None,
    ) -> list[Item]:
        chart = self.charts.entries[number]
        given_values = values.chart_values(given, chart.name)
        try:
            made = self._helm(number, msgspec.json.encode(given_values), capabilities, server)
        except ChartError as error:
            raise _without_secrets(error, given) from None
        source = f"chart {chart.name}"
        return [
            Item(entry.body, number, source, hook)
            for entry in made.objects
            for hook in _moments(entry.hook, self._work.operation)
        ]

    def _helm(
        self, number: int, given: bytes, capabilities: Capabilities, server: Server | None
    ) -> charts.RenderedChart:
        chart = self.charts.entries[number]
        return charts.render(
            self.charts.packages[number],
            release_name=chart.release_name,
            namespace=self._namespaces.mapping[chart.namespace],
            values=[*self.layers(number), given],
            capabilities=capabilities,
            operation=self._work.operation,
            server=server,
        )

    def _manifests(
        self, number: int, entry: Manifests, stream: list[Object], given: Iterable[GivenInput]
    ) -> list[Item]:
        bodies = copy.deepcopy(stream)
        for target, value in values.manifest_targets(given, entry.name):
            found = [
                b
                for b in bodies
                if (b["kind"], b["metadata"]["name"]) == (target.kind, target.name)
            ]
            if not found or not all(_set_input(body, target.path, value) for body in found):
                raise InputError(
                    f"manifests {entry.name}: no {target.kind} {target.name} with {target.path}, "
                    "where an input goes",
                    "This is a mistake in the release; tell the vendor.",
                )
        return [Item(body, number, f"manifests {entry.name}") for body in bodies]

    def _placed(self, items: Iterable[Item], scopes: Scopes) -> list[Item]:
        """Every object in its namespace."""
        own = [part.namespace for part in self._work.release.charts]
        own += [part.namespace for part in self._work.release.manifests]
        placed = []
        for item in items:
            default = self._namespaces.mapping[own[item.number]]
            namespaced = scopes.is_namespaced(item.body, item.source)
            body = self._namespaces.place(item.body, default, namespaced=namespaced)
            placed.append(replace(item, body=body))
        return placed

    def _declared(self, items: list[Item]) -> list[tuple[ObjectKey, str]]:
        """The fields that the release itself says are generated."""
        return [
            (key_of(item.body), _pointer(declared.path))
            for declared in self._work.release.generated
            for item in items
            if item.source == f"chart {declared.chart}"
            and (item.body["kind"], item.body["metadata"]["name"]) == (declared.kind, declared.name)
            and get(item.body, _pointer(declared.path)) is not MISSING
        ]

    def _looked_up(
        self, items: list[Item], capabilities: Capabilities
    ) -> tuple[list[Item], tuple[str, ...]]:
        """The objects of charts that call `lookup`, rendered against the server; what was read."""
        numbers = [n for n, facts in enumerate(self.charts.facts) if facts.lookups]
        read = tuple(line for n in numbers for line in self.charts.facts[n].lookups)
        if self._work.operation != "upgrade" or not numbers:
            return items, read
        kubernetes = self._work.environment.kubernetes
        server = Server(kubeconfig(kubernetes, self._work.site_folder), kubernetes.context)
        scopes = Scopes.of(self._client.discovery(), (item.body for item in items))
        kept = [item for item in items if item.number not in numbers]
        for number in numbers:
            found = self._chart(number, capabilities=capabilities, given=self.given, server=server)
            kept += self._placed(found, scopes)
        return kept, read


def _moments(hook: Hook | None, operation: Operation) -> list[Hook | None]:
    """None for an object that stays; for a hook its events of this operation, one by one."""
    if hook is None:
        return [None]
    events = [f"{moment}-{operation}" for moment in ("pre", "post")]
    return [
        msgspec.structs.replace(hook, events=(event,)) for event in events if event in hook.events
    ]


def _pointer(path: str) -> str:
    """A JSON pointer out of a pointer or a dotted path."""
    pointer = path if path.startswith("/") else join(values.dotted(path))
    return pointer.replace("/stringData/", "/data/", 1)  # Secrets have one spelling here


def _set_input(body: Object, path: str, value: Any) -> bool:
    """Put an input's value where it goes; the data of a Secret is base64."""
    pointer = _pointer(path)
    if is_secret(body) and pointer.startswith("/data/"):
        value = base64.b64encode(str(value).encode()).decode()
    return put(body, pointer, value)


def _with_generated(
    items: Iterable[Item], fields: Mapping[ObjectKey, tuple[str, ...]]
) -> list[Item]:
    return [
        replace(
            item,
            generated=tuple(
                p for p in fields.get(key_of(item.body), ()) if get(item.body, p) is not MISSING
            ),
        )
        for item in items
    ]


def _unique(items: list[Item]) -> list[Item]:
    """The same; ChartError where two parts of a release make the same object."""
    seen: dict[tuple[ObjectKey, tuple[str, ...]], str] = {}
    for item in items:
        key = key_of(item.body), item.hook.events if item.hook else ()
        if key in seen:
            raise ChartError(
                f"{key[0]} is made twice: by {seen[key]} and by {item.source}",
                "Two charts that share a namespace need different names; tell the vendor.",
            )
        seen[key] = item.source
    return items


def _without_secrets(error: ChartError, given: Iterable[GivenInput]) -> ChartError:
    """What Helm complains about, without what it may quote of secret inputs."""
    message = error.message
    for item in given:
        if item.input.secret and str(item.value):
            message = message.replace(str(item.value), "(secret)")
    return ChartError(message, error.hint)
