"""The rendered release: every object of a release for one environment, in the order of an apply.

It is kept in the state folder under its digest (kind `rendered`); `apply`, `rollback` and `drift`
use it and never render anew. Bodies hold no secret: see `sealed_values`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from airferry_archive.release import Name
from airferry_foundation import documents
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document
from airferry_installer.planning import sealed_values
from airferry_installer.planning.sealed_values import Values
from airferry_installer.state.folder import StateFolder
from airferry_rendering.generated import keep_live
from airferry_rendering.hooks import Hook
from airferry_rendering.objects import Object, key_of
from airferry_rendering.pointers import MISSING, drop, get, put

SCHEMA = "airferry.rendered/v1"
MAX_BYTES = 128 << 20
KIND = "rendered"


class RenderedObject(Document, frozen=True, kw_only=True):
    """One object. `chart` names what it came from: a chart, a manifests entry, or `airferry`.

    `generated` and `ignored` are JSON pointers: fields that keep their live value, since the chart
    made them at random, or since the site says that somebody else owns them.
    """

    phase: str
    chart: str
    hook: Hook | None = None
    body: dict[str, Any]
    generated: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


class Rendered(Document, frozen=True, kw_only=True):
    """A rendered release.

    `namespace` is the inventory's; `values`: what charts and inputs were given, dotted, as JSON
    text, secret ones as HMAC; `images`: original names to local pinned references; `read`: what
    charts looked up in the cluster.
    """

    schema: Literal["airferry.rendered/v1"]
    product: Name
    version: str
    release: Digest
    release_counter: int
    epoch: int
    environment: Name
    namespace: str
    operation: Literal["install", "upgrade"]
    inputs: Digest
    values: dict[str, str] = msgspec.field(default_factory=dict)
    images: dict[str, str] = msgspec.field(default_factory=dict)
    read: tuple[str, ...] = ()
    objects: tuple[RenderedObject, ...]


def store(
    state: StateFolder,
    rendered: Rendered,
    *,
    fresh: Values | None = None,
    live: Values | None = None,
) -> str:
    """Keep a rendered release and seal its values; its digest."""
    digest = state.keep(KIND, documents.encode(rendered))
    sealed_values.store(state, digest, fresh or {}, live or {})
    return digest


def load(state: StateFolder, digest: str) -> Rendered:
    """A kept rendered release; StateMissingError, StateTamperedError."""
    data = state.kept(KIND, digest)
    return documents.decode(data, Rendered, name=f"rendered {digest}", cap=MAX_BYTES, text="any")


def with_secrets(state: StateFolder, rendered: Rendered) -> tuple[RenderedObject, ...]:
    """The objects with their real data. What the cluster has meanwhile wins: see `effective`."""
    values = sealed_values.load(state, documents.digest_of(rendered))
    return tuple(_filled(item, values) for item in rendered.objects)


def _filled(item: RenderedObject, values: Mapping[str, Mapping[str, Any]]) -> RenderedObject:
    found = values.get(sealed_values.name_of(key_of(item.body)))
    if not found:
        return item
    body = copy.deepcopy(item.body)
    for pointer, value in found.items():
        if get(body, pointer) is not MISSING:
            put(body, pointer, value)
    return msgspec.structs.replace(item, body=body)


def effective(item: RenderedObject, live: Mapping[str, Any] | None) -> Object:
    """What is sent to the cluster for an object with its real data, given the live object.

    Generated and ignored fields have their live value; an ignored one that is not there is left
    out. Call it at the moment of an apply, with the object as it is then.
    """
    if live is None or not (item.generated or item.ignored):
        return item.body
    body = keep_live(item.body, (*item.generated, *item.ignored), live)
    for pointer in item.ignored:
        if get(live, pointer) is MISSING:
            drop(body, pointer)
    return body
