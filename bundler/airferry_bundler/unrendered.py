"""Values that look like images: those that no render put into a workload deserve a look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airferry_foundation.errors import ImageReferenceError
from airferry_registry.references import parse
from airferry_rendering.charts import merge


def candidates(chart: str, *layers: Mapping[str, Any]) -> dict[str, str]:
    """Place to image repository, of each value that looks like an image; later layers win."""
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = merge(merged, layer)
    return {f"{chart}: {place} = {text}": name for place, text, name in _images(merged, "")}


def missing(found: Mapping[str, str], names: Iterable[str]) -> tuple[str, ...]:
    """The candidates whose repository is none of the images `names`, sorted.

    Tags do not count: charts often take them from elsewhere.
    """
    rendered = {parse(name).name for name in names}
    return tuple(sorted(place for place, name in found.items() if name not in rendered))


def _images(value: Any, place: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, Mapping):
        text = _composed(value)
        if text and (name := _repository(text)):
            yield place or ".", text, name
        for key, item in value.items():
            inner = f"{place}.{key}" if place else str(key)
            if isinstance(item, str) and str(key).lower().endswith("image"):
                if name := _repository(item):
                    yield inner, item, name
            else:
                yield from _images(item, inner)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _images(item, f"{place}[{number}]")


def _composed(value: Mapping[str, Any]) -> str:
    """`{registry: …, repository: …, tag: …}` as most charts have it."""
    repository = value.get("repository")
    if not isinstance(repository, str) or not repository or "://" in repository:
        return ""
    registry, tag = value.get("registry"), value.get("tag")
    text = f"{registry}/{repository}" if isinstance(registry, str) and registry else repository
    return f"{text}:{tag}" if isinstance(tag, (str, int)) and str(tag) else text


def _repository(text: str) -> str | None:
    try:
        return parse(text).name if text else None
    except ImageReferenceError:
        return None
