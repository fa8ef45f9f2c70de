"""Canonical JSON: the one spelling of a document, with nothing twice in it."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from .refusal import Refused

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_MOST = 2**53 - 1


def digest(data: bytes) -> str:
    """`sha256:<64 hex digits>`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def is_digest(value: object) -> bool:
    """Whether it reads as a digest."""
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def plain(data: bytes, name: str) -> Any:
    """JSON without double keys, constants or anything behind it."""
    try:
        return json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise Refused(f"{name} is not JSON that is allowed: {error}") from None


def canonical(data: bytes, schema: str, name: str) -> dict[str, Any]:
    """A document of this schema; refused unless its bytes are what its content encodes to."""
    content = plain(data, name)
    if not isinstance(content, dict) or content.get("schema") != schema:
        raise Refused(f"{name} is not of the schema {schema}")
    _expect_integers(content, name)
    encoded = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if encoded.encode("utf-8", "surrogatepass") != data:
        raise Refused(f"{name} is not canonical: its bytes are not what its content encodes to")
    return content


def expect_fields(content: object, needed: set[str], name: str, optional: set[str]) -> None:
    """Refuse an object that lacks a field or has one too many."""
    if not isinstance(content, dict):
        raise Refused(f"{name} is no object")
    if missing := needed - set(content):
        raise Refused(f"{name} has no {min(missing)}")
    if extra := set(content) - needed - optional:
        raise Refused(f"{name} has a field {min(extra)!r} that does not belong there")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _expect_integers(value: object, name: str) -> None:
    if isinstance(value, dict):
        for item in value.values():
            _expect_integers(item, name)
    elif isinstance(value, list):
        for item in value:
            _expect_integers(item, name)
    elif isinstance(value, float):
        raise Refused(f"{name} holds a number that is no integer")
    elif isinstance(value, int) and not isinstance(value, bool) and not 0 <= value <= _MOST:
        raise Refused(f"{name} holds the integer {value}; 0 to 2^53-1 are allowed")
