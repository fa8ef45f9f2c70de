"""Generated fields: what differs between two renders of the same chart with the same values.

Charts make random passwords and certificates. Such a field keeps its live value; where there is
none it is made once. In everything that has a digest the word `generated` stands in its place, so
that digests are stable and tell nothing.

A *derived* field is an annotation that is a checksum over a generated value. It is computed anew
over the final objects (with the word in place), so pods restart when something real changed.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from airferry_foundation.documents import digest_of
from airferry_foundation.errors import ChartError
from airferry_rendering.objects import Object, ObjectKey, key_of
from airferry_rendering.pointers import MISSING, drop, get, join, put, split

WORD = "generated"

_CHECKSUM = re.compile(r"checksum|hash|sha(1|256)|rollme|restart", re.IGNORECASE)


def differing(a: Sequence[Object], b: Sequence[Object]) -> list[tuple[ObjectKey, str]]:
    """(object, JSON pointer) of each field in which two renders differ.

    Lists of different lengths differ as a whole. ChartError: an object is in one render only, so
    its very name is random, and nothing could find it again.
    """
    before, after = ({key_of(obj): obj for obj in render} for render in (a, b))
    for key in before.keys() ^ after.keys():
        raise ChartError(
            f"{key} has another name at each render",
            "The chart makes a random name; ask the vendor to give the object a fixed one.",
        )
    return [
        (key, join(way))
        for key, body in before.items()
        for way in _differences(body, after[key], ())
    ]


def _differences(a: Any, b: Any, way: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(a, dict) and isinstance(b, dict):
        for name in sorted(a.keys() | b.keys()):
            yield from _differences(a.get(name, MISSING), b.get(name, MISSING), (*way, name))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for position, (left, right) in enumerate(zip(a, b, strict=True)):
            yield from _differences(left, right, (*way, str(position)))
    elif type(a) is not type(b) or a != b:
        yield way


def is_derived(pointer: str) -> bool:
    """Whether a generated field is an annotation that only follows from another one."""
    parts = split(pointer)
    return len(parts) >= 2 and parts[-2] == "annotations" and bool(_CHECKSUM.search(parts[-1]))


def by_object(fields: Iterable[tuple[ObjectKey, str]]) -> dict[ObjectKey, tuple[str, ...]]:
    """Fields put together by object, sorted."""
    grouped: dict[ObjectKey, set[str]] = {}
    for key, pointer in fields:
        grouped.setdefault(key, set()).add(pointer)
    return {key: tuple(sorted(pointers)) for key, pointers in grouped.items()}


def mask(obj: Object, pointers: Iterable[str]) -> Object:
    """A copy in which the word `generated` stands in place of each field that is there."""
    masked = copy.deepcopy(obj)
    for pointer in pointers:
        if get(masked, pointer) is not MISSING:
            put(masked, pointer, WORD)
    return masked


def keep_live(obj: Object, pointers: Iterable[str], live: Mapping[str, Any] | None) -> Object:
    """A copy in which each field has its value in `live`, or its own where live has none."""
    kept = copy.deepcopy(obj)
    for pointer in pointers:
        value = get(live, pointer) if live is not None else MISSING
        if value is not MISSING:
            put(kept, pointer, copy.deepcopy(value))
    return kept


def leave_out(obj: Object, pointers: Iterable[str]) -> Object:
    """A copy without the fields."""
    left = copy.deepcopy(obj)
    for pointer in pointers:
        drop(left, pointer)
    return left


def checksum(masked: Iterable[Object]) -> str:
    """What a derived annotation becomes: 64 hex digits over objects whose fields are masked.

    Labels and annotations do not count: a new version's label alone restarts nothing.
    """
    contents = [
        [str(key_of(obj)), {k: v for k, v in obj.items() if k != "metadata"}] for obj in masked
    ]
    return digest_of(sorted(contents, key=lambda pair: str(pair[0]))).removeprefix("sha256:")
