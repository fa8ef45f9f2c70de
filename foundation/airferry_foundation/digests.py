"""Digests as OCI writes them, `sha256:<64 hex>`, and hashing.

Source: OCI image-spec, descriptor.md, "Digests". Only sha256 is accepted.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from airferry_foundation.errors import InputError
from airferry_foundation.grammar import whole

PATTERN = r"^sha256:[0-9a-f]{64}$"

Digest = Annotated[str, whole(PATTERN)]
"""A digest in a document: msgspec checks the grammar when it decodes."""

_GRAMMAR = re.compile(r"sha256:[0-9a-f]{64}")


def digest(data: bytes | bytearray | memoryview) -> str:
    """The digest of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def is_digest(text: str) -> bool:
    """Whether `text` is a digest in the only form that is accepted."""
    return _GRAMMAR.fullmatch(text) is not None


def hex_of(value: str) -> str:
    """The 64 hex digits of a digest; InputError if it is none."""
    if not is_digest(value):
        raise InputError(f"{value!r} is not a digest", "A digest reads sha256:<64 hex digits>.")
    return value[7:]


def short(value: str) -> str:
    """The first 12 hex digits, for people."""
    return value.removeprefix("sha256:")[:12]
