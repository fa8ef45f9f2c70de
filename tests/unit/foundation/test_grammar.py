"""Strings of documents are held to their grammar up to the last character."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import msgspec
import pytest

from airferry_foundation import documents, versions
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest, digest
from airferry_foundation.errors import InputError
from airferry_foundation.grammar import NO_NEWLINE
from airferry_foundation.versions import RangeText, VersionText

ROOMS = ("foundation", "signing", "archive", "registry", "telemetry", "bundler", "installer")


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        (Digest, digest(b"")),
        (Timestamp, "2026-11-24T14:50:20Z"),
        (VersionText, "1.4.0-rc.1"),
        (RangeText, ">=1.2 <2"),
    ],
)
def test_a_newline_at_the_end_is_no_part_of_a_grammar(kind: object, good: str) -> None:
    assert msgspec.convert(good, kind) == good
    for odd in (f"{good}\n", f"{good}\r\n", f"\n{good}"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(odd, kind)


def test_a_version_with_a_newline() -> None:
    with pytest.raises(InputError, match="not a semantic version"):
        versions.parse("1.4.0\n")


def patterns(schema: object) -> Iterator[str]:
    """Every pattern of a JSON schema, wherever it stands."""
    if isinstance(schema, dict):
        if isinstance(found := schema.get("pattern"), str):
            yield found
        for key, value in schema.items():
            yield from patterns(value) if key != "properties" else patterns([*value.values()])
    elif isinstance(schema, list):
        for item in schema:
            yield from patterns(item)


def kinds(base: type) -> Iterator[type]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_no_document_has_another_sort_of_pattern() -> None:
    """All of them are made by `grammar.whole`."""
    for room in ROOMS:
        package = import_module(f"airferry_{room}")
        for module in walk_packages(package.__path__, f"airferry_{room}."):
            import_module(module.name)
    found = 0
    for kind in set(kinds(documents.Document)):
        for pattern in patterns(msgspec.json.schema(kind)):
            assert pattern.endswith(NO_NEWLINE), f"{kind}: {pattern}"
            found += 1
    assert found > 100
