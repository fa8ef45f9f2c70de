"""What charts and inputs were given, for plans: dotted paths to JSON text, nothing secret in it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airferry_foundation import documents
from airferry_installer.planning import leaks, values
from airferry_installer.planning.contents import Contents
from airferry_installer.planning.sealed_values import Mask
from airferry_installer.planning.values import GivenInput
from airferry_rendering import charts, generated
from airferry_rendering.objects import Object, is_secret
from airferry_rendering.pointers import leaves


def shown(contents: Contents, bodies: Iterable[Object], mask: Mask) -> dict[str, str]:
    """Chart values (`chart.a.b`) and inputs (`input name`).

    A secret input, and whatever stands in the data of a Secret among `bodies`, is an HMAC.
    """
    hidden = _Hidden.of(bodies, contents.given)
    found: dict[str, str] = {}
    for number, chart in enumerate(contents.charts.entries):
        layers = charts.read_values(contents.layers(number))
        merged = charts.merge(contents.charts.facts[number].values, layers)
        merged = charts.merge(merged, values.chart_values(contents.given, chart.name))
        for way, value in leaves(merged) if merged else ():
            found[".".join((chart.name, *way))] = _word(".".join(way), value, hidden, mask)
    for item in contents.given:
        name = f"input {item.input.name}"
        found[name] = _word(name, item.value, hidden, mask)
    return found


def _word(place: str, value: Any, hidden: _Hidden, mask: Mask) -> str:
    if hidden.is_made(value):
        return generated.WORD
    if hidden.holds(value):
        return mask.word(place, value)
    return documents.encode(value).decode()


@dataclass(frozen=True, slots=True)
class _Hidden:
    """The texts that may not be shown: secret inputs, and what stands in Secret data."""

    made: frozenset[str]
    whole: frozenset[str]
    within: str

    @classmethod
    def of(cls, bodies: Iterable[Object], given: Iterable[GivenInput]) -> _Hidden:
        given = tuple(given)
        texts = [text for body in bodies if is_secret(body) for text in _plain(body)]
        secret = {str(item.value) for item in given if item.input.secret}
        made = frozenset(str(item.value) for item in given if item.made)
        return cls(made, frozenset({*texts, *secret}), "\n".join(texts))

    def is_made(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.made

    def holds(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
            return False
        text = str(value)
        return text in self.whole or (len(text) >= leaks.LONG_ENOUGH and text in self.within)


def _plain(secret: Object) -> list[str]:
    """A Secret's data as text, as far as it is text."""
    texts: list[str] = []
    for value in (secret.get("data") or {}).values():
        try:
            texts.append(base64.b64decode(value, validate=True).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    return texts
