"""JSON pointers (RFC 6901) into objects: walk, read, set, remove."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MISSING: Any = object()
"""What stands where a pointer leads nowhere."""


def join(parts: tuple[str, ...]) -> str:
    """A pointer from its parts."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def split(pointer: str) -> tuple[str, ...]:
    """A pointer's parts."""
    if not pointer:
        return ()
    return tuple(p.replace("~1", "/").replace("~0", "~") for p in pointer.lstrip("/").split("/"))


def leaves(value: Any, parts: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every leaf (also empty mappings and lists) with the way to it."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*parts, key))
    elif isinstance(value, list) and value:
        for position, item in enumerate(value):
            yield from leaves(item, (*parts, str(position)))
    else:
        yield parts, value


def get(value: Any, pointer: str) -> Any:
    """What a pointer leads to, MISSING if nothing."""
    for part in split(pointer):
        value = _step(value, part)
        if value is MISSING:
            return MISSING
    return value


def _step(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part, MISSING)
    if isinstance(value, list) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    return MISSING


def put(value: Any, pointer: str, item: Any) -> bool:
    """Set what a pointer leads to, in place, making mappings on the way.

    False if a list or a leaf stands in the way; then nothing was changed.
    """
    *way, last = split(pointer)
    for part in way:
        below = _step(value, part)
        if below is MISSING and isinstance(value, dict):
            below = value[part] = {}
        value = below
    if isinstance(value, dict):
        value[last] = item
    elif isinstance(value, list) and last.isdigit() and int(last) < len(value):
        value[int(last)] = item
    else:
        return False
    return True


def drop(value: Any, pointer: str) -> None:
    """Remove what a pointer leads to, in place, if it is there."""
    *way, last = split(pointer)
    holder = get(value, join(tuple(way)))
    if isinstance(holder, dict):
        holder.pop(last, None)
    elif isinstance(holder, list) and last.isdigit() and int(last) < len(holder):
        del holder[int(last)]
