"""The catalogue: which metrics there are, and what they may say. It is an allowlist.

What the catalogue does not name cannot leave a site. Names and units are the same in every
environment. A label is `plain`, or `hash`: it then leaves as an HMAC under the customer's own key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from airferry_foundation import documents, handwritten
from airferry_foundation.digests import digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import InputError
from airferry_foundation.grammar import whole
from airferry_foundation.handwritten import Lines, Problem

MAX_BYTES = 1 << 20

Category = Literal[
    "inventory", "health", "usage", "deploy-history", "errors", "custom", "logs", "support"
]
CATEGORIES: tuple[Category, ...] = (
    "inventory",
    "health",
    "usage",
    "deploy-history",
    "errors",
    "custom",
    "logs",
    "support",
)

MetricName = Annotated[str, whole(r"^[a-z][a-z0-9_]{0,99}$")]
LabelName = Annotated[str, whole(r"^[a-z][a-z0-9_]{0,62}$")]


class Metric(Document, frozen=True, kw_only=True):
    """One metric: all are gauges, since a site samples states, not streams."""

    name: MetricName
    type: Literal["gauge"]
    unit: Annotated[str, whole(r"^[a-z0-9_]*$")] = ""
    labels: dict[LabelName, Literal["plain", "hash"]]
    category: Category
    privacy: Literal["technical", "organisational", "personal"]
    purpose: str


class Catalogue(Document, frozen=True, kw_only=True):
    """Metrics, each name once."""

    schema: Literal["airferry.catalogue/v1"]
    metrics: tuple[Metric, ...]

    def metric(self, name: str) -> Metric | None:
        """A metric by name; None means: not allowed."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    def of(self, category: str) -> tuple[Metric, ...]:
        """The metrics of a category."""
        return tuple(metric for metric in self.metrics if metric.category == category)

    @property
    def categories(self) -> tuple[Category, ...]:
        """The categories that have a metric, in their fixed order."""
        return tuple(one for one in CATEGORIES if self.of(one))

    @property
    def digest(self) -> str:
        """The digest of the canonical bytes."""
        return digest(documents.encode(self))


def parse(data: bytes, *, name: str) -> Catalogue:
    """A vendor's catalogue.yaml; HandwrittenError lists every mistake with its line."""
    return handwritten.parse(data, Catalogue, name=name, check=_twice)


def narrowed(known: Catalogue, allowed: Catalogue) -> Catalogue:
    """What both catalogues agree to: metrics and labels of both, hashed if one of them says so.

    `known` is what a site can collect, `allowed` what the release's signed catalogue names.
    """
    metrics = (_narrowed(metric, allowed.metric(metric.name)) for metric in known.metrics)
    return msgspec.structs.replace(
        known, metrics=tuple(metric for metric in metrics if metric is not None)
    )


def _narrowed(known: Metric, allowed: Metric | None) -> Metric | None:
    if allowed is None or allowed.category != known.category:
        return None
    labels: dict[str, Literal["plain", "hash"]] = {
        label: "hash" if "hash" in (kind, allowed.labels[label]) else "plain"
        for label, kind in known.labels.items()
        if label in allowed.labels
    }
    return msgspec.structs.replace(known, labels=labels)


def _twice(written: Catalogue, lines: Lines) -> Iterator[Problem]:
    names = [metric.name for metric in written.metrics]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield Problem(lines.at(("metrics", number)), f"metric {name!r} stands here twice")


def category(name: str) -> Category:
    """A category by its name; InputError that lists those there are."""
    for one in CATEGORIES:
        if one == name:
            return one
    raise InputError(
        f"{name!r} is not a category of telemetry", f"Categories are {', '.join(CATEGORIES)}."
    )


STANDARD = Catalogue(
    schema="airferry.catalogue/v1",
    metrics=(
        Metric(
            name="airferry_release_info",
            type="gauge",
            labels={"environment": "plain", "product": "plain", "version": "plain"},
            category="inventory",
            privacy="technical",
            purpose="Which release runs, to know whom a defect concerns; always 1.",
        ),
        Metric(
            name="airferry_kubernetes_info",
            type="gauge",
            labels={"environment": "plain", "version": "plain"},
            category="inventory",
            privacy="technical",
            purpose="Which Kubernetes runs, so that the vendor keeps supporting it; always 1.",
        ),
        Metric(
            name="airferry_workloads",
            type="gauge",
            labels={"environment": "plain", "product": "plain", "state": "plain"},
            category="health",
            privacy="technical",
            purpose="How many workloads are ready, waiting and failed.",
        ),
        Metric(
            name="airferry_workload_restarts",
            type="gauge",
            labels={
                "environment": "plain",
                "kind": "plain",
                "namespace": "hash",
                "product": "plain",
                "workload": "plain",
            },
            category="health",
            privacy="technical",
            purpose="How often containers of a workload's present pods restarted.",
        ),
        Metric(
            name="airferry_deployments",
            type="gauge",
            labels={"environment": "plain", "outcome": "plain", "product": "plain"},
            category="deploy-history",
            privacy="organisational",
            purpose="How many changes were applied, failed and backed out.",
        ),
    ),
)
"""The catalogue that every site has."""
