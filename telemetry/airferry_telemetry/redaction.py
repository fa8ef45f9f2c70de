"""The one path that every output takes: allowlist, then hashing. What is not allowed is dropped.

It fails closed: a sample with a label that the catalogue does not name is dropped whole, and
counted. The report holds counts, never values.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from airferry_foundation.documents import Document
from airferry_telemetry.catalogue import Catalogue, Metric
from airferry_telemetry.samples import MAX_LABEL_VALUE, Sample

_HEX_DIGITS = 16


class Report(Document, frozen=True, kw_only=True):
    """redaction.json: by metric, how many samples were kept and dropped; by label, values hashed.

    Metrics that the catalogue does not name are counted together: their names stay at home.
    """

    schema: Literal["airferry.redaction/v1"]
    kept: dict[str, int]
    dropped: dict[str, int]
    hashed: dict[str, int]
    unknown: int = 0


def redact(
    samples: Iterable[Sample], catalogue: Catalogue, categories: frozenset[str], key: bytes
) -> tuple[tuple[Sample, ...], Report]:
    """The samples that may leave, with labels hashed under the customer's `key`, and the report."""
    kept: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    hashed: Counter[str] = Counter()
    leaving: set[Sample] = set()
    unknown = 0
    for one in samples:
        metric = catalogue.metric(one.metric)
        if metric is None:
            unknown += 1
        elif metric.category not in categories or not _fits(one, metric):
            dropped[metric.name] += 1
        else:
            leaving.add(_hashed(one, metric, key, hashed))
            kept[metric.name] += 1
    report = Report(
        schema="airferry.redaction/v1",
        kept=dict(kept),
        dropped=dict(dropped),
        hashed=dict(hashed),
        unknown=unknown,
    )
    return tuple(sorted(leaving)), report


def hash_label(value: str, key: bytes) -> str:
    """What stands in for a value: 16 hex digits of HMAC-SHA256, that the customer can redo."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:_HEX_DIGITS]


def _fits(one: Sample, metric: Metric) -> bool:
    return all(
        name in metric.labels and len(value) <= MAX_LABEL_VALUE for name, value in one.labels
    )


def _hashed(one: Sample, metric: Metric, key: bytes, counts: Counter[str]) -> Sample:
    labels = []
    for name, value in one.labels:
        if metric.labels[name] == "hash":
            counts[name] += 1
            labels.append((name, hash_label(value, key)))
        else:
            labels.append((name, value))
    return Sample(one.metric, tuple(labels), one.at, one.value)
