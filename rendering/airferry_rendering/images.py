"""Images in objects: found in every pod template, and rewritten to pinned local references.

A pod spec is known by its containers, wherever it stands, so custom resources that embed one are
seen too. Environment variables and arguments are rewritten where they name an image of the release.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from airferry_foundation.errors import ImageReferenceError
from airferry_registry import references
from airferry_rendering.objects import Object
from airferry_rendering.pointers import join, put

CONTAINERS = ("initContainers", "containers", "ephemeralContainers")

Path = tuple[str, ...]


def pod_specs(value: Any, way: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every pod spec in an object, with the way to it."""
    if isinstance(value, dict):
        if any(_are_containers(value.get(field)) for field in CONTAINERS):
            yield way, value
        for key, item in value.items():
            yield from pod_specs(item, (*way, key))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from pod_specs(item, (*way, str(position)))


def _are_containers(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in value)
    )


def containers(spec: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every container of a pod spec, with the way to it."""
    for field in CONTAINERS:
        for position, container in enumerate(spec.get(field) or []):
            if isinstance(container, dict):
                yield (field, str(position)), container


def find(obj: Object) -> list[tuple[str, str]]:
    """(JSON pointer, reference as written) of each image that a pod of this object pulls."""
    found: list[tuple[str, str]] = []
    for way, spec in pod_specs(obj):
        for inner, container in containers(spec):
            if isinstance(container.get("image"), str):
                found.append((join((*way, *inner, "image")), container["image"]))
        for position, volume in enumerate(spec.get("volumes") or []):
            image = volume.get("image") if isinstance(volume, dict) else None
            if isinstance(image, dict) and isinstance(image.get("reference"), str):
                inner = ("volumes", str(position), "image", "reference")
                found.append((join((*way, *inner)), image["reference"]))
    return found


def mentions(obj: Object, names: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(JSON pointer, text, the image that it names) of each environment variable and argument that
    names one of `names`' images: as a whole, or behind `--flag=`.
    """  # noqa: D205 - one sentence
    found: list[tuple[str, str, str]] = []
    for way, text in _texts(obj):
        _, equals, behind = text.partition("=") if text.startswith("-") else ("", "", text)
        name = behind if equals or not text.startswith("-") else ""
        if name and (known := _known(name, names)) is not None:
            found.append((join(way), text, known))
    return found


def _texts(obj: Object) -> Iterator[tuple[Path, str]]:
    for way, spec in pod_specs(obj):
        for inner, container in containers(spec):
            for position, variable in enumerate(container.get("env") or []):
                if isinstance(variable, dict) and isinstance(variable.get("value"), str):
                    yield (*way, *inner, "env", str(position), "value"), variable["value"]
            for field in ("command", "args"):
                for position, text in enumerate(container.get(field) or []):
                    if isinstance(text, str):
                        yield (*way, *inner, field, str(position)), text


def normal(reference: str) -> str:
    """A reference in its full form: `redis:7` is `docker.io/library/redis:7`."""
    return str(references.parse(reference))


def _known(text: str, names: Mapping[str, str]) -> str | None:
    """The name in `names` that a text is, if it has a tag or digest and is a reference at all."""
    if not (":" in text or "@" in text) or len(text) > 512:
        return None
    try:
        full = normal(text)
    except ImageReferenceError:
        return None
    return full if full in names else None


def rewrite(obj: Object, mapping: Mapping[str, str]) -> Object:
    """A copy whose images are those that `mapping` gives for their full original names.

    Images that `mapping` lacks stay as they are: ask `foreign` about them.
    """
    rewritten = copy.deepcopy(obj)
    for pointer, reference in find(obj):
        local = mapping.get(normal(reference))
        if local is not None:
            put(rewritten, pointer, local)
    for pointer, text, name in mentions(obj, mapping):
        head, equals, _ = text.partition("=") if text.startswith("-") else ("", "", "")
        put(rewritten, pointer, f"{head}{equals}{mapping[name]}")
    return rewritten


def foreign(obj: Object, mapping: Mapping[str, str]) -> list[tuple[str, str]]:
    """(JSON pointer, reference) of each image that the release does not hold."""
    return [(pointer, text) for pointer, text in find(obj) if normal(text) not in mapping]
