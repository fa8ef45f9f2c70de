"""From a verified release, a site and a cluster to the rendered release.

`contents` gives the objects; here, for all of them alike: images pinned, pull Secrets, labels and
namespaces put in, secret data masked, checksums made anew, sorted into the order of an apply.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from airferry_archive.release import Release
from airferry_foundation import documents, files
from airferry_foundation.errors import ClusterDeniedError, ClusterError, InputError
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.planning import given_values, leaks, local_images
from airferry_installer.planning.contents import Contents
from airferry_installer.planning.namespaces import Namespaces
from airferry_installer.planning.plan import ObjectRef, ref_of
from airferry_installer.planning.rendered import Rendered, RenderedObject
from airferry_installer.planning.sealed_values import Mask, Values, name_of, secret_values
from airferry_installer.planning.work import Item, Work
from airferry_installer.site import Environment
from airferry_rendering import generated, phases
from airferry_rendering.objects import Object, key_of
from airferry_rendering.pointers import MISSING, get, put

OURS = "airferry"
_MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True, slots=True)
class Draft:
    """A rendered release and the values that its words stand for (see `sealed_values`)."""

    rendered: Rendered
    fresh: Values = field(repr=False)
    live: Values = field(repr=False)


def render(work: Work, client: ClusterClient, mask: Mask) -> Draft:
    """Render a release for an environment; nothing in the cluster is changed.

    ChartError names chart, file and line; InputError, ImageReferenceError, ClusterError.
    """
    with files.scratch_folder("airferry-render-") as scratch:
        return _Rendering(work, client, mask, scratch).draft()


class _Rendering:
    """One run; the steps share what stands here."""

    def __init__(self, work: Work, client: ClusterClient, mask: Mask, scratch: Path) -> None:
        self._work, self._client, self._mask = work, client, mask
        self._contents = Contents(work, client, scratch)

    def draft(self) -> Draft:
        items, read = self._contents.objects()
        leaks.check((item.body for item in items), self._contents.given)
        return self._masked(self._finished(items), read)

    def _finished(self, items: list[Item]) -> list[Item]:
        """Images pinned, pull Secrets, labels, namespaces that are to be created."""
        work = self._work
        local = local_images.mapping(work.release, work.registry)
        bodies = local_images.pinned((item.body for item in items), local)
        bodies = [local_images.with_pull_secret(body, work.registry) for body in bodies]
        items = [replace(item, body=body) for item, body in zip(items, bodies, strict=True)]
        present = {key_of(item.body) for item in items}
        more = [*self._new_namespaces()]
        more += local_images.pull_secrets(bodies, work.registry, work.site_folder)
        items += [Item(obj, -1, OURS) for obj in more if key_of(obj) not in present]
        labels = work.environment.labels
        return [replace(item, body=_labelled(item.body, labels)) for item in items]

    def _new_namespaces(self) -> list[Object]:
        """Namespaces that are not there, or that we made before; ClusterError if we may not."""
        chosen = self._work.environment.inventory_namespace
        targets = Namespaces.of(self._work.release, self._work.environment).targets
        found: list[Object] = []
        for name in dict.fromkeys((*targets, *((chosen,) if chosen else ()))):
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

    def _masked(self, items: list[Item], read: tuple[str, ...]) -> Draft:
        fresh, live = self._values_of(items)
        shown = [_without_secrets(item, self._mask) for item in items]
        shown = _with_checksums(shown)
        environment, release = self._work.environment, self._work.release
        given = given_values.shown(self._contents, [item.body for item in items], self._mask)
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

    def _values_of(self, items: Iterable[Item]) -> tuple[Values, Values]:
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
            live = self._client.get(ref_of(item.body))
            kept = {p: get(live, p) for p in made if live is not None}
            kept = {pointer: value for pointer, value in kept.items() if value is not MISSING}
            if kept:
                living.setdefault(name, {}).update(kept)
        return fresh, living


def inventory_namespace(release: Release, environment: Environment) -> str:
    """Where the inventory is: as the site says, else the release's first target namespace."""
    chosen = environment.inventory_namespace
    targets = Namespaces.of(release, environment).targets
    if chosen is None and not targets:
        raise InputError("the release holds neither charts nor manifests: nothing can be planned")
    return chosen or targets[0]


def _without_secrets(item: Item, mask: Mask) -> Item:
    body = generated.mask(item.body, item.generated)
    return replace(item, body=mask.secret(body))


def _with_checksums(items: list[Item]) -> list[Item]:
    """Checksum annotations over generated values, computed anew over what their chart makes of
    those values, with words in place; they are fields like others then.
    """  # noqa: D205 - one sentence
    done: list[Item] = []
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


def _sources(items: Iterable[Item], number: int) -> list[Object]:
    """The objects of a chart with a generated field that is no checksum itself."""
    return [
        item.body
        for item in items
        if item.number == number and any(not generated.is_derived(p) for p in item.generated)
    ]


def _documented(item: Item, environment: Environment) -> RenderedObject:
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


def _order(item: Item) -> tuple[Any, ...]:
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
