"""Secret inputs that would land where everybody reads them: an error that names input and place."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

from airferry_foundation.errors import InputError
from airferry_installer.planning.values import GivenInput
from airferry_rendering.objects import Object, is_secret, key_of
from airferry_rendering.pointers import join, leaves

LONG_ENOUGH = 6
"""A shorter secret is looked for as a whole value only: it would be found in every other text."""


def check(objects: Iterable[Object], given: Iterable[GivenInput]) -> None:
    """InputError for each place outside of Secret data that holds a secret input's value."""
    wanted = [(item.input.name, *_forms(item)) for item in given if item.input.secret]
    found = [place for obj in objects for place in _places(obj, wanted)] if wanted else []
    if found:
        listed = "\n".join(f"  {place}" for place in found)
        raise InputError(
            f"a secret input would stand in the open:\n{listed}",
            "The chart must take it from a Secret (secretKeyRef); tell the vendor.",
        )


def _forms(item: GivenInput) -> tuple[str, str]:
    text = str(item.value)
    return text, base64.b64encode(text.encode()).decode()


def _places(obj: Object, wanted: list[tuple[str, str, str]]) -> Iterator[str]:
    body = {k: v for k, v in obj.items() if k != "data"} if is_secret(obj) else obj
    for way, leaf in leaves(body):
        if not isinstance(leaf, (str, int)) or isinstance(leaf, bool):
            continue
        for name, plain, encoded in wanted:
            if _holds(str(leaf), plain) or _holds(str(leaf), encoded):
                yield f"input {name!r} in {key_of(obj)}, {join(way)}"


def _holds(text: str, secret: str) -> bool:
    return secret in text if len(secret) >= LONG_ENOUGH else bool(secret) and secret == text
