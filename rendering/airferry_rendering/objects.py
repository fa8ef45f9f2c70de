"""Kubernetes objects as plain data: what they are called, how they are read, their one spelling."""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

from airferry_foundation.errors import ChartError
from airferry_rendering import yaml_stream

Object = dict[str, Any]
"""A Kubernetes object: JSON data with text keys."""


class ObjectKey(NamedTuple):
    """What tells objects apart; `namespace` is empty for cluster-wide kinds."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Deployment shop/web`, with the group where it is no built-in one."""
        where = f"{self.namespace}/" if self.namespace else ""
        kind = f"{self.kind}.{self.group}" if "." in self.group else self.kind
        return f"{kind} {where}{self.name}"


def group_of(api_version: str) -> str:
    """The API group of an apiVersion: `apps/v1` gives `apps`, `v1` gives ``."""
    group, slash, _ = api_version.partition("/")
    return group if slash else ""


def key_of(obj: Object) -> ObjectKey:
    """An object's key."""
    metadata = obj["metadata"]
    return ObjectKey(
        group_of(obj["apiVersion"]), obj["kind"], metadata.get("namespace", ""), metadata["name"]
    )


def parse_stream(data: bytes, *, name: str) -> list[Object]:
    """The objects of a YAML stream, canonical; a `List` is opened. ChartError names file and line.

    `name` is the file's name in messages.
    """
    return [obj for _, obj in located(data, name=name)]


def located(data: bytes, *, name: str) -> Iterator[tuple[int, Object]]:
    """Like `parse_stream`, each object with the line its document begins on."""
    for line, document in yaml_stream.load_all(data, name=name):
        for item in _opened(document):
            yield line, canonical(_checked(item, f"{name}, line {line}"))


def _opened(document: Any) -> Iterator[Any]:
    """What a document holds: itself, or the items of a `v1 List`."""
    is_list = isinstance(document, dict) and document.get("kind") == "List"
    if is_list and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _opened(item)
    else:
        yield document


def _checked(item: Any, where: str) -> Object:
    if not isinstance(item, dict):
        raise ChartError(f"{where}: expected a Kubernetes object, found {type(item).__name__}")
    for key in ("apiVersion", "kind"):
        if not isinstance(item.get(key), str) or not item[key]:
            raise ChartError(f"{where}: the object has no {key}")
    metadata = item.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        generate = isinstance(metadata, dict) and metadata.get("generateName")
        hint = "Give it a fixed name: `generateName` makes a new object each time."
        raise ChartError(f"{where}: {item['kind']} has no metadata.name", hint if generate else "")
    what = f"{where}: {item['kind']} {metadata['name'][:80]}"
    if not isinstance(metadata.get("namespace") or "", str):
        raise ChartError(f"{what}: metadata.namespace is no text")
    for field in ("labels", "annotations"):
        _expect_mapping(metadata, field, f"{what}: metadata")
    for field in ("data", "stringData") if is_secret(item) else ():
        _expect_mapping(item, field, what)
    return item


def _expect_mapping(holder: Object, field: str, what: str) -> None:
    if not isinstance(holder.get(field) or {}, dict):
        raise ChartError(f"{what}: {field} is no mapping")


def canonical(obj: Object) -> Object:
    """An object's one spelling, a copy: no nulls in mappings, no `status`, Secrets as `data` only.

    A null means "not set" to the API server; it would stand in digests for nothing. Numbers were
    settled when the YAML was read. `stringData` becomes `data`, in base64, as the server does.
    """
    settled: Object = _without_nulls(copy.deepcopy(obj))
    settled.pop("status", None)
    settled["metadata"].pop("creationTimestamp", None)
    for field in ("labels", "annotations"):
        if not settled["metadata"].get(field, True):
            del settled["metadata"][field]
    return _secret_data(settled) if is_secret(settled) else settled


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def is_secret(obj: Object) -> bool:
    """Whether an object is a Secret of the core API."""
    return (obj["kind"], obj["apiVersion"]) == ("Secret", "v1")


def _secret_data(secret: Object) -> Object:
    plain = secret.pop("stringData", None)
    data = {**secret.get("data", {})}
    for key, value in (plain or {}).items():
        data[key] = base64.b64encode(str(value).encode()).decode()
    if data:
        secret["data"] = {key: "".join(str(value).split()) for key, value in data.items()}
    return secret
