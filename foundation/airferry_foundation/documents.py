"""JSON documents: canonical, strict, capped.

Canonical means: sorted keys, no insignificant space, UTF-8, integers 0 to 2^53-1, fields that have
their default left out. There is one spelling for each document, so a reader encodes what it decoded
and must get the same bytes back; duplicate keys, other spaces, other escapes, huge integers and
unknown fields all fail that one comparison or the decoding before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TypeVar

import msgspec

from airferry_foundation.digests import digest
from airferry_foundation.errors import DocumentError

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 64

_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
"""Control and bidirectional characters; tab and newline are the business of each string's field."""

_encoder = msgspec.json.Encoder(order="sorted")


class Document(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Base of every document type. A default must be None, an empty tuple, an empty dict or 0."""


D = TypeVar("D", bound=msgspec.Struct)


def encode(document: object) -> bytes:
    """The canonical bytes of a document (or of plain builtins)."""
    return _encoder.encode(document)


def digest_of(document: object) -> str:
    """The digest of a document's canonical bytes."""
    return digest(encode(document))


def decode(data: bytes, kind: type[D], *, name: str, cap: int = 5 << 20, text: str = "strict") -> D:
    """Decode canonical bytes into `kind`.

    `name` stands in messages. `cap` is in bytes. `text="strict"` refuses control and bidirectional
    characters in every string, and integers that are not 0 to 2^53-1 (documents that somebody
    signs); `text="any"` lets both through (plans and rendered objects, which are escaped where
    they are shown). Raises DocumentError.
    """
    if len(data) > cap:
        raise DocumentError(f"{name} has {len(data)} bytes; at most {cap} are allowed")
    try:
        _expect_schema(data, kind, name)
        document = msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(
            f"{name} is not a valid {_schema(kind) or 'document'}: {error}"
        ) from None
    if encode(document) != data:
        raise DocumentError(
            f"{name} is not canonical: its bytes are not those that its content encodes to",
            "It was changed or written by another program; get it anew from where it was made.",
        )
    _check_values(msgspec.to_builtins(document), name, strict=text == "strict")
    return document


class _Head(msgspec.Struct):
    schema: str = ""


@cache
def _schema(kind: type) -> str:
    """The `schema` constant of a document type, '' if it has none."""
    for field in msgspec.structs.fields(kind):
        if field.name == "schema":
            values = getattr(field.type, "__args__", ())
            return str(values[0]) if values else ""
    return ""


def _expect_schema(data: bytes, kind: type, name: str) -> None:
    expected = _schema(kind)
    if not expected:
        return
    found = msgspec.json.decode(data, type=_Head).schema
    if found != expected:
        raise DocumentError(
            f"{name} has schema {found[:80]!r}, expected {expected!r}",
            "A newer Airferry may have written it; if so, update the one that reads.",
        )


def _check_values(value: object, name: str, *, strict: bool) -> None:
    for where, item in _leaves(value, "", 0):
        if not strict:
            continue  # the walk itself checks the depth
        if isinstance(item, int) and not isinstance(item, bool) and not 0 <= item <= MAX_INTEGER:
            raise DocumentError(f"{name}: {where} is {item}; integers are 0 to 2^53-1")
        if isinstance(item, str) and _FORBIDDEN.search(item):
            raise DocumentError(f"{name}: {where} holds a control or bidirectional character")


def _leaves(value: object, where: str, depth: int) -> Iterator[tuple[str, object]]:
    if depth > MAX_DEPTH:
        raise DocumentError(f"the document is nested deeper than {MAX_DEPTH} at {where}")
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield f"a key of {where or 'the document'}", key
            yield from _leaves(item, f"{where}.{key}" if where else str(key), depth + 1)
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{where}[{number}]", depth + 1)
    else:
        yield where, value
