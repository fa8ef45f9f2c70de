"""From a verified release, a site and a cluster to the rendered release.

Every chart is rendered twice, offline, with the same values: what differs is generated and keeps
its live value. Charts that call `lookup` are rendered a third time, against the server, where the
environment runs the release already; what is generated is still what differs offline, since a
`lookup` that finds the live password hides that it was made at random.

Then, for all objects alike: namespaces of the site, generated and ignored fields found, images
pinned, labels, pull Secrets, checksums; secret data masked; sorted into the order of an apply.
"""

from __future__ import annotations

import base64
import binascii
import copy
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from airferry_archive.release import Chart, Manifests, Release
from airferry_foundation import documents, files
from airferry_foundation.errors import ChartError, ClusterDeniedError, ClusterError, InputError
from airferry_installer.cluster.client import ClusterClient, kubeconfig
from airferry_installer.planning import leaks, local_images, values
from airferry_installer.planning.namespaces import Namespaces, Scopes, crd_versions
from airferry_installer.planning.plan import ObjectRef
from airferry_installer.planning.rendered import Rendered, RenderedObject
from airferry_installer.planning.sealed_values import Mask, Values, name_of, secret_values
from airferry_installer.planning.values import GivenInput
from airferry_installer.site import Environment, Registry, Site
from airferry_rendering import charts, generated, phases
from airferry_rendering.charts import Capabilities, ChartFacts, Operation, Server
from airferry_rendering.hooks import Hook
from airferry_rendering.objects import Object, ObjectKey, is_secret, key_of, parse_stream
from airferry_rendering.packing import MAX_PACKAGE
from airferry_rendering.pointers import MISSING, get, join, leaves, put

MAX_STREAM = 64 << 20
OURS = "airferry"
_MANAGED_BY = "app.kubernetes.io/managed-by"

Blob = Callable[[str, int], bytes]
"""(digest, cap) to a blob's verified bytes."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is rendered, for whom, for which operation."""

    release: Release
    release_digest: str
    blob: Blob
    site: Site
    site_folder: Path
    environment_name: str
    operation: Operation

    @property
    def environment(self) -> Environment:
        """The environment."""
        return self.site.environment(self.environment_name)

    @property
    def registry(self) -> Registry:
        """The environment's registry."""
        return self.site.registry_of(self.environment_name)


@dataclass(frozen=True, slots=True)
class Draft:
    """A rendered release and the values that its words stand for (see `sealed_values`)."""

    rendered: Rendered
    fresh: Values = field(repr=False)
    live: Values = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Item:
    """One object on its way: `number` and `source` tell which chart or manifests entry made it."""

    body: Object
    number: int
    source: str
    hook: Hook | None = None
    generated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Charts:
    """The release's charts, unpacked as far as rendering needs."""

    entries: tuple[Chart, ...]
    facts: tuple[ChartFacts, ...]
    packages: tuple[Path, ...]
    layers: tuple[tuple[bytes, ...], ...]


def render(work: Work, client: ClusterClient, mask: Mask) -> Draft:
    """Render a release for an environment; nothing in the cluster is changed.

    ChartError names chart, file and line; InputError, ImageReferenceError, ClusterError.
    """
    with files.scratch_folder("airferry-render-") as scratch:
        return _Rendering(work, client, mask, scratch).draft()


class _Rendering:
    """One run; the steps share what stands here."""

    def __init__(self, work: Work, client: ClusterClient, mask: Mask, scratch: Path) -> None:
        self._work, self._client, self._mask, self._scratch = work, client, mask, scratch
        self._namespaces = Namespaces.of(work.release, work.environment)
        self._given = values.given_inputs(
            work.release,
            work.environment,
            work.site_folder,
            only_product=work.site.products == (work.release.product,),
        )
        self._streams = [
            parse_stream(work.blob(m.digest, MAX_STREAM), name=f"manifests {m.name}")
            for m in work.release.manifests
        ]
        self._charts = self._read_charts()

    def draft(self) -> Draft:
        capabilities = self._capabilities()
        first, second = self._twice(capabilities)
        fields = generated.differing([i.body for i in first], [i.body for i in second])
        fields += self._declared(first)
        items, read = self._looked_up(first, capabilities)
        items = _unique(_with_generated(items, generated.by_object(fields)))
        leaks.check((item.body for item in items), self._given)
        items = self._finished(items)
        return self._masked(items, read)

    # --- charts and manifests ---------------------------------------------------------------------

    def _read_charts(self) -> _Charts:
        facts, packages, layers = [], [], []
        for chart in self._work.release.charts:
            package = self._work.blob(chart.content, MAX_PACKAGE)
            path = self._scratch / f"{chart.name}-{chart.version}.tgz"
            files.write_atomic(path, package, mode=0o600)
            facts.append(charts.read_chart(package, name=f"chart {chart.name}"))
            packages.append(path)
            layers.append(tuple(self._work.blob(d, values.MAX_VALUES) for d in chart.values))
        entries = self._work.release.charts
        return _Charts(entries, tuple(facts), tuple(packages), tuple(layers))

    def _capabilities(self) -> Capabilities:
        """The cluster's API list and the CRDs that the release is known to bring."""
        crds = [crd for facts in self._charts.facts for crd in facts.crds]
        crds += [obj for stream in self._streams for obj in stream]
        served = {*self._client.api_versions(), *crd_versions(crds)}
        return Capabilities(self._client.version(), tuple(sorted(served)))

    def _twice(self, capabilities: Capabilities) -> tuple[list[_Item], list[_Item]]:
        """Two renders of everything; a CRD out of a template widens what templates may ask for."""
        other = values.again(self._given)
        first = self._rendered(capabilities, self._given)
        added = crd_versions(item.body for item in first)
        if not set(added) <= set(capabilities.api_versions):
            every = tuple(sorted({*capabilities.api_versions, *added}))
            return self._twice(replace(capabilities, api_versions=every))
        second = self._rendered(capabilities, other)
        scopes = Scopes.of(self._client.discovery(), (item.body for item in first))
        return self._placed(first, scopes), self._placed(second, scopes)

    def _rendered(self, capabilities: Capabilities, given: Iterable[GivenInput]) -> list[_Item]:
        numbers = range(len(self._charts.entries))
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
    ) -> list[_Item]:
        chart = self._charts.entries[number]
        given_values = values.chart_values(given, chart.name)
        site = values.site_values(
            self._work.environment, self._work.release.product, self._work.site_folder
        )
        layers = [*self._charts.layers[number], *(data for _, data in site)]
        made = charts.render(
            self._charts.packages[number],
            release_name=chart.release_name,
            namespace=self._namespaces.mapping[chart.namespace],
            values=[*layers, msgspec.json.encode(given_values)],
            capabilities=capabilities,
            operation=self._work.operation,
            server=server,
        )
        source = f"chart {chart.name}"
        return [
            _Item(entry.body, number, source, hook)
            for entry in made.objects
            for hook in _moments(entry.hook, self._work.operation)
        ]

    def _manifests(
        self, number: int, entry: Manifests, stream: list[Object], given: Iterable[GivenInput]
    ) -> list[_Item]:
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
        return [_Item(body, number, f"manifests {entry.name}") for body in bodies]

    def _placed(self, items: Iterable[_Item], scopes: Scopes) -> list[_Item]:
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

    def _declared(self, items: list[_Item]) -> list[tuple[ObjectKey, str]]:
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
        self, items: list[_Item], capabilities: Capabilities
    ) -> tuple[list[_Item], tuple[str, ...]]:
        """The objects of charts that call `lookup`, rendered against the server; what was read."""
        numbers = [n for n, facts in enumerate(self._charts.facts) if facts.lookups]
        read = tuple(line for n in numbers for line in self._charts.facts[n].lookups)
        if self._work.operation != "upgrade" or not numbers:
            return items, read
        kubernetes = self._work.environment.kubernetes
        server = Server(kubeconfig(kubernetes, self._work.site_folder), kubernetes.context)
        scopes = Scopes.of(self._client.discovery(), (item.body for item in items))
        kept = [item for item in items if item.number not in numbers]
        for number in numbers:
            found = self._chart(number, capabilities=capabilities, given=self._given, server=server)
            kept += self._placed(found, scopes)
        return kept, read

    # --- what is done to every object -------------------------------------------------------------

    def _finished(self, items: list[_Item]) -> list[_Item]:
        """Images pinned, pull Secrets, labels, namespaces that are to be created."""
        work = self._work
        local = local_images.mapping(work.release, work.registry)
        bodies = local_images.pinned((item.body for item in items), local)
        bodies = [local_images.with_pull_secret(body, work.registry) for body in bodies]
        items = [replace(item, body=body) for item, body in zip(items, bodies, strict=True)]
        present = {key_of(item.body) for item in items}
        more = [*self._new_namespaces()]
        more += local_images.pull_secrets(bodies, work.registry, work.site_folder)
        items += [_Item(obj, -1, OURS) for obj in more if key_of(obj) not in present]
        labels = work.environment.labels
        return [replace(item, body=_labelled(item.body, labels)) for item in items]

    def _new_namespaces(self) -> list[Object]:
        """Namespaces that are not there, or that we made before; ClusterError if we may not."""
        chosen = self._work.environment.inventory_namespace
        found: list[Object] = []
        for name in dict.fromkeys((*self._namespaces.targets, *((chosen,) if chosen else ()))):
            live = self._namespace(name)
            if live is not None and not _is_ours(live):
                continue
            if live is None and not self._work.environment.create_namespaces:
                raise ClusterError(
                    f"namespace {name} does not exist, and create_namespaces is off in site.yaml",
                    f"Have it created (kubectl create namespace {name}), then plan again.",
                )
            metadata = {"name": name, "labels": {_MANAGED_BY: OURS}}
            found.append({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        return found

    def _namespace(self, name: str) -> Object | None:
        try:
            return self._client.get(ObjectRef(api_version="v1", kind="Namespace", name=name))
        except ClusterDeniedError:  # who may use one namespace only may not look at it
            return {"metadata": {}}

    def _masked(self, items: list[_Item], read: tuple[str, ...]) -> Draft:
        fresh, live = self._values_of(items)
        shown = [_without_secrets(item, self._mask) for item in items]
        shown = _with_checksums(shown)
        environment, release = self._work.environment, self._work.release
        given = self._given_values([item.body for item in items])
        rendered = Rendered(
            schema="airferry.rendered/v1",
            product=release.product,
            version=release.version,
            release=self._work.release_digest,
            release_counter=release.release_counter,
            epoch=release.epoch,
            environment=self._work.environment_name,
            namespace=inventory_namespace(release, environment),
            operation=self._work.operation,
            inputs=documents.digest_of(given),
            values=given,
            images=local_images.mapping(release, self._work.registry),
            read=read,
            objects=tuple(_documented(item, environment) for item in sorted(shown, key=_order)),
        )
        return Draft(rendered, fresh, live)

    def _values_of(self, items: Iterable[_Item]) -> tuple[Values, Values]:
        """What is sealed: all Secret data and generated values; those that live in the cluster."""
        fresh: Values = {}
        living: Values = {}
        for item in items:
            name = name_of(key_of(item.body))
            made = [p for p in item.generated if not generated.is_derived(p)]
            found = secret_values(item.body)
            found |= {pointer: get(item.body, pointer) for pointer in made}
            if found:
                fresh.setdefault(name, {}).update(found)
            if not made:
                continue
            live = self._client.get(_ref(item.body))
            kept = {p: get(live, p) for p in made if live is not None}
            kept = {pointer: value for pointer, value in kept.items() if value is not MISSING}
            if kept:
                living.setdefault(name, {}).update(kept)
        return fresh, living

    def _given_values(self, bodies: Iterable[Object]) -> dict[str, str]:
        """What charts and inputs were given, dotted, as JSON text; what is secret as HMAC."""
        secret = _Hidden.of(bodies, self._given)
        given: dict[str, str] = {}
        site = values.site_values(
            self._work.environment, self._work.release.product, self._work.site_folder
        )
        for number, chart in enumerate(self._charts.entries):
            layers = [*self._charts.layers[number], *(data for _, data in site)]
            merged = charts.merge(self._charts.facts[number].values, charts.read_values(layers))
            merged = charts.merge(merged, values.chart_values(self._given, chart.name))
            for way, value in leaves(merged) if merged else ():
                given[".".join((chart.name, *way))] = self._shown(".".join(way), value, secret)
        for item in self._given:
            name = f"input {item.input.name}"
            given[name] = self._shown(name, item.value, secret)
        return given

    def _shown(self, place: str, value: Any, secret: _Hidden) -> str:
        if secret.is_made(value):
            return generated.WORD
        return self._mask.word(place, value) if secret.holds(value) else _text(value)


@dataclass(frozen=True, slots=True)
class _Hidden:
    """The texts that may not be shown: secret inputs, and what stands in Secret data."""

    made: frozenset[str]
    whole: frozenset[str]
    within: str

    @classmethod
    def of(cls, bodies: Iterable[Object], given: Iterable[GivenInput]) -> _Hidden:
        given = tuple(given)
        texts = [text for body in bodies if is_secret(body) for text in _plain(body)]
        secret = {str(item.value) for item in given if item.input.secret}
        made = frozenset(str(item.value) for item in given if item.made)
        return cls(made, frozenset({*texts, *secret}), "\n".join(texts))

    def is_made(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.made

    def holds(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
            return False
        text = str(value)
        return text in self.whole or (len(text) >= leaks.LONG_ENOUGH and text in self.within)


def inventory_namespace(release: Release, environment: Environment) -> str:
    """Where the inventory is: as the site says, else the release's first target namespace."""
    chosen = environment.inventory_namespace
    targets = Namespaces.of(release, environment).targets
    if chosen is None and not targets:
        raise InputError("the release holds neither charts nor manifests: nothing can be planned")
    return chosen or targets[0]


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
    items: Iterable[_Item], fields: Mapping[ObjectKey, tuple[str, ...]]
) -> list[_Item]:
    return [
        replace(
            item,
            generated=tuple(
                p for p in fields.get(key_of(item.body), ()) if get(item.body, p) is not MISSING
            ),
        )
        for item in items
    ]


def _unique(items: list[_Item]) -> list[_Item]:
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


def _without_secrets(item: _Item, mask: Mask) -> _Item:
    body = generated.mask(item.body, item.generated)
    return replace(item, body=mask.secret(body))


def _with_checksums(items: list[_Item]) -> list[_Item]:
    """Checksum annotations over generated values, computed anew over what their chart makes of
    those values, with words in place; they are fields like others then.
    """  # noqa: D205 - one sentence
    done: list[_Item] = []
    for item in items:
        derived = [p for p in item.generated if generated.is_derived(p)]
        if derived:
            body = copy.deepcopy(item.body)
            word = generated.checksum(_sources(items, item.number))
            for pointer in derived:
                put(body, pointer, word)
            left = tuple(p for p in item.generated if p not in derived)
            item = replace(item, body=body, generated=left)  # noqa: PLW2901 - what it becomes
        done.append(item)
    return done


def _sources(items: Iterable[_Item], number: int) -> list[Object]:
    """The objects of a chart with a generated field that is no checksum itself."""
    return [
        item.body
        for item in items
        if item.number == number and any(not generated.is_derived(p) for p in item.generated)
    ]


def _documented(item: _Item, environment: Environment) -> RenderedObject:
    key = key_of(item.body)
    ignored = sorted(
        path
        for entry in environment.ignore
        if (entry.kind, entry.name) == (key.kind, key.name)
        for path in entry.paths
    )
    return RenderedObject(
        phase=phases.phase_of(item.body, item.hook),
        chart=item.source,
        hook=item.hook,
        body=item.body,
        generated=item.generated,
        ignored=tuple(ignored),
    )


def _order(item: _Item) -> tuple[Any, ...]:
    if item.hook is not None:
        return phases.order_of_hook(item.body, item.hook, item.number)
    return phases.order_of(item.body)


def _labelled(body: Object, labels: Mapping[str, str]) -> Object:
    if not labels:
        return body
    metadata = body["metadata"]
    return {**body, "metadata": {**metadata, "labels": {**metadata.get("labels", {}), **labels}}}


def _is_ours(namespace: Object) -> bool:
    """Whether a namespace is one that we made: by its label, since that is all we set on it."""
    return bool((namespace["metadata"].get("labels") or {}).get(_MANAGED_BY) == OURS)


def _plain(secret: Object) -> list[str]:
    """A Secret's data as text, as far as it is text."""
    texts: list[str] = []
    for value in (secret.get("data") or {}).values():
        try:
            texts.append(base64.b64decode(value, validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    return texts


def _text(value: Any) -> str:
    return documents.encode(value).decode()


def _ref(body: Object) -> ObjectRef:
    metadata = body["metadata"]
    return ObjectRef(
        api_version=body["apiVersion"],
        kind=body["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
    )
