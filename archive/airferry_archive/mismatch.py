"""The error for bytes that are not those that a signed release calls for, with where they are."""

from __future__ import annotations

from airferry_foundation.errors import BundleMismatchError
from airferry_foundation.positioned import PositionedFile

_HINT = "Nothing of it was used. Copy the file again; if that does not help, ask the vendor."


def mismatch(file: PositionedFile, member: str, offset: int, what: str) -> BundleMismatchError:
    """What is wrong with `member` at byte `offset` of the file."""
    path, place = file.at(offset)
    return BundleMismatchError(f"{path}: {member}, at byte {place:,}: {what}", _HINT)


def first_difference(one: bytes, other: bytes) -> int:
    """The position of the first byte that differs; the shorter length if there is none."""
    pairs = enumerate(zip(one, other, strict=False))
    shorter = min(len(one), len(other))
    return next((position for position, (a, b) in pairs if a != b), shorter)
