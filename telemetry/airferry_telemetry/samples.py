"""Samples, and their text: the part of OpenMetrics 1.0 that Prometheus' older text format shares.

Only gauges; families in the order of their names, series in the order of their labels, points in
the order of time. So there is one spelling of each sample and one order of all; a reader refuses
any other. HELP and TYPE lines are for people and Prometheus; nothing is read from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

import msgspec

from airferry_foundation.errors import InputError
from airferry_telemetry.catalogue import Catalogue

MAX_SAMPLES = 500_000
MAX_LABEL_VALUE = 256

_SAMPLE = re.compile(r"([a-z][a-z0-9_]*)(?:\{(.*)\})? (-?[0-9]+(?:\.[0-9]+)?) ([0-9]{1,11})")
_LABEL = re.compile(r'([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
_END = "# EOF\n"


@dataclass(frozen=True, slots=True, order=True)
class Sample:
    """One point: `at` in seconds since 1970, `labels` sorted by name."""

    metric: str
    labels: tuple[tuple[str, str], ...]
    at: int
    value: float


def sample(metric: str, labels: Mapping[str, str], at: int, value: float) -> Sample:
    """A sample with its labels in order."""
    return Sample(metric, tuple(sorted(labels.items())), at, value)


Row = tuple[str, str, int, float]
"""A sample in a database: metric, labels as JSON with sorted keys, at, value."""


def to_row(one: Sample) -> Row:
    """A sample as its row; equal labels are equal text."""
    labels = msgspec.json.encode(dict(one.labels), order="sorted").decode()
    return one.metric, labels, one.at, one.value


def of_row(row: Row) -> Sample:
    """The sample of a row."""
    metric, labels, at, value = row
    return sample(metric, msgspec.json.decode(labels, type=dict[str, str]), at, value)


def write(samples: Iterable[Sample], catalogue: Catalogue) -> bytes:
    """The text of samples whose metrics the catalogue names; each point once."""
    lines: list[str] = []
    for name, family in groupby(sorted(set(samples)), key=lambda one: one.metric):
        metric = catalogue.metric(name)
        if metric is None:
            raise InputError(f"the metric {name} is not in the catalogue")
        lines.append(f"# HELP {name} {_escape_help(metric.purpose)}")
        lines.append(f"# TYPE {name} {metric.type}")
        lines.extend(_line(one) for one in family)
    return ("".join(f"{line}\n" for line in lines) + _END).encode()


def read(text: bytes, *, name: str = "metrics.om") -> tuple[Sample, ...]:
    """The samples of a text as `write` spells it; InputError names the first line that is not."""
    try:
        lines = text.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8") from None
    if lines[-2:] != ["# EOF", ""] or len(lines) > 2 * MAX_SAMPLES:
        raise InputError(f"{name} does not end with `# EOF`, or has too many lines")
    found = tuple(
        _parse(line, f"{name}, line {number}")
        for number, line in enumerate(lines[:-2], 1)
        if not line.startswith(("# HELP ", "# TYPE "))
    )
    if list(found) != sorted(set(found)):
        raise InputError(f"{name}: samples are not in order, or stand there twice")
    return found


def _line(one: Sample) -> str:
    labels = ",".join(f'{name}="{_escape(value)}"' for name, value in one.labels)
    return f"{one.metric}{{{labels}}} {_number(one.value)} {one.at}"


def _parse(line: str, where: str) -> Sample:
    match = _SAMPLE.fullmatch(line)
    if match is None:
        raise InputError(f"{where} is not a sample: {line[:80]!r}")
    metric, text, value, at = match.groups()
    labels = tuple((name, _unescape(value)) for name, value in _LABEL.findall(text or ""))
    found = Sample(metric, labels, int(at), float(value))
    if _line(found) != line:
        raise InputError(f"{where} is spelt in another way than samples are: {line[:80]!r}")
    return found


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _unescape(value: str) -> str:
    return re.sub(r"\\(.)", lambda m: "\n" if m.group(1) == "n" else m.group(1), value)


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
