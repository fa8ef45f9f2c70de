"""Semantic versions and ranges of them.

Source: semver.org 2.0.0. A range is a space-separated list of comparators, all of which must hold
(`>=1.2.0 <2.0.0`); build metadata is refused, since two releases must not differ by it alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Annotated

from airferry_foundation.errors import InputError
from airferry_foundation.grammar import whole

PATTERN = (
    r"^(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})"
    r"(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?$"
)

VersionText = Annotated[str, whole(PATTERN, max_length=64)]
"""A version in a document."""

_BOUND = r"(>=|<=|>|<|=)[0-9]+(\.[0-9]+){0,2}[0-9A-Za-z.-]*"
RANGE_PATTERN = rf"^{_BOUND}( {_BOUND})*$"

RangeText = Annotated[str, whole(RANGE_PATTERN, max_length=128)]
"""A range in a document."""

_GRAMMAR = re.compile(PATTERN)
_COMPARATOR = re.compile(r"(>=|<=|>|<|=)([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(-[0-9A-Za-z.-]+)?")


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A parsed version, ordered as semver orders."""

    numbers: tuple[int, int, int]
    pre: tuple[str, ...] = ()

    def __lt__(self, other: Version) -> bool:
        if self.numbers != other.numbers:
            return self.numbers < other.numbers
        if not self.pre or not other.pre:
            return bool(self.pre) and not other.pre
        return [_rank(p) for p in self.pre] < [_rank(p) for p in other.pre]


def _rank(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part.isdigit() else (1, 0, part)


def parse(text: str) -> Version:
    """A version; InputError if `text` is none."""
    if len(text) > 64 or not _GRAMMAR.fullmatch(text):
        raise InputError(
            f"{text[:64]!r} is not a semantic version", "Write it as 1.4.0 or 1.4.0-rc.1."
        )
    core, _, pre = text.partition("-")
    major, minor, patch = map(int, core.split("."))
    return Version((major, minor, patch), tuple(pre.split(".")) if pre else ())


def within(version: Version, spec: str) -> bool:
    """Whether a version lies in a range."""
    return all(_holds(version, comparator) for comparator in spec.split())


def _holds(version: Version, text: str) -> bool:
    match = _COMPARATOR.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is not a version comparator", "Write it as >=1.2.0.")
    sign, major, minor, patch, pre = match.groups()
    bound = Version(
        (int(major), int(minor or 0), int(patch or 0)), tuple(pre[1:].split(".")) if pre else ()
    )
    return {
        ">=": version >= bound,
        "<=": version <= bound,
        ">": version > bound,
        "<": version < bound,
        "=": version == bound,
    }[sign]
