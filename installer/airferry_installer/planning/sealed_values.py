"""Secret data and generated values: out of every document that has a digest, sealed beside it.

In a rendered release an HMAC under the site key stands in place of each Secret data value, and the
word `generated` in place of each generated field. The values themselves are one document, sealed
with age to the site's own identity, kept under the state kind `sealed` and found by the digest of
the rendered release (setting `sealed/<digest>`). So the digest of a rendered release depends on
secret values only through the HMAC, and planning an unchanged world twice gives one digest: values
that were made once are taken again.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Literal

from airferry_foundation import documents
from airferry_foundation.documents import Document
from airferry_installer.state.folder import StateFolder
from airferry_rendering.generated import WORD
from airferry_rendering.objects import Object, ObjectKey, is_secret, key_of
from airferry_rendering.pointers import join
from airferry_signing import sealing

MAX_BYTES = 128 << 20

Values = dict[str, dict[str, Any]]
"""Object name (`name_of`) to JSON pointer to value."""


class Sealed(Document, frozen=True, kw_only=True):
    """What is sealed: every value that the rendered release only hints at."""

    schema: Literal["airferry.sealed/v1"]
    values: Values


def name_of(key: ObjectKey) -> str:
    """An object's name among sealed values."""
    return "/".join(key)


class Mask:
    """Makes the words that stand for secret values; the same value in two places gets two words."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def word(self, place: str, value: Any) -> str:
        """`hmac:<64 hex>` for a value (JSON data) at a place."""
        message = documents.encode([place, value])
        return f"hmac:{hmac.new(self._key, message, 'sha256').hexdigest()}"

    def secret(self, obj: Object) -> Object:
        """An object as documents may show it: of a Secret, each data value is its HMAC."""
        if not is_secret(obj) or not isinstance(obj.get("data"), dict):
            return obj
        name = name_of(key_of(obj))
        words = {
            key: value if value == WORD else self.word(f"{name}{join(('data', key))}", value)
            for key, value in obj["data"].items()
        }
        return {**obj, "data": words}


def secret_values(obj: Object) -> dict[str, Any]:
    """JSON pointer to value of a Secret's data; nothing for other objects."""
    data = obj.get("data") if is_secret(obj) else None
    return {join(("data", key)): value for key, value in (data or {}).items()}


def store(state: StateFolder, digest: str, fresh: Values, live: Values) -> None:
    """Seal the values of the rendered release `digest`.

    Of each value the first wins: `live` in the cluster, made at an earlier plan, `fresh`.
    """
    before = load(state, digest)
    values = {name: dict(found) for name, found in fresh.items()}
    for other in (before, live):
        for name, found in other.items():
            values.setdefault(name, {}).update(found)
    if values == before and state.setting(_setting(digest)) is not None:
        return
    data = documents.encode(Sealed(schema="airferry.sealed/v1", values=values))
    kept = state.keep("sealed", sealing.seal(data, [state.identity().recipient]))
    state.set(_setting(digest), kept)


def load(state: StateFolder, digest: str) -> Mapping[str, Mapping[str, Any]]:
    """The values of the rendered release `digest`; none if none were sealed."""
    kept = state.setting(_setting(digest))
    if kept is None:
        return {}
    name = f"the sealed values of {digest}"
    data = sealing.unseal(state.kept("sealed", kept), state.identity().secret, name=name)
    return documents.decode(data, Sealed, name=name, cap=MAX_BYTES, text="any").values


def _setting(digest: str) -> str:
    return f"sealed/{digest}"
