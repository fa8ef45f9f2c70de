"""Collectors: each looks at one thing, for one category. With a category off, none of it runs.

A collector that fails is reported by the kind of its failure, never fatal, and never in words:
an error's message may hold names that must not leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airferry_foundation.errors import AirferryError
from airferry_installer.applying import finding, health
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.monitoring import installed
from airferry_installer.monitoring.consent import Consent
from airferry_installer.monitoring.installed import Product
from airferry_installer.planning.plan import ObjectRef
from airferry_installer.revisions import Outcome
from airferry_installer.state import StateFolder
from airferry_telemetry.catalogue import Category
from airferry_telemetry.envelope import Gap
from airferry_telemetry.samples import Sample, sample

_STATES = ("ready", "waiting", "failed")
_OUTCOMES: tuple[Outcome, ...] = ("applied", "failed", "backed-out")


@dataclass(frozen=True, slots=True)
class Scene:
    """What collectors look at: an environment at a moment (seconds since 1970).

    `cluster` is the error that kept it from being reached, if one did.
    """

    state: StateFolder
    environment: str
    at: int
    cluster: ClusterClient | AirferryError

    def reached(self) -> ClusterClient:
        """The cluster; raises what kept it from being reached."""
        if isinstance(self.cluster, AirferryError):
            raise self.cluster
        return self.cluster


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found, and which collectors failed."""

    samples: tuple[Sample, ...]
    gaps: tuple[Gap, ...]


def collect(scene: Scene, consent: Consent) -> Collected:
    """Run the collectors whose category is switched on."""
    samples: list[Sample] = []
    gaps: list[Gap] = []
    for name, (category, collector) in _COLLECTORS.items():
        if category not in consent.collect:
            continue
        try:
            samples.extend(collector(scene))
        except AirferryError as error:
            reason = type(error).__name__.removesuffix("Error")
            gaps.append(Gap(category=category, collector=name, reason=reason))
    return Collected(tuple(sorted(samples)), tuple(gaps))


def _releases(scene: Scene) -> Iterator[Sample]:
    for product in installed.products(scene.state, scene.environment):
        if product.running is not None:
            labels = {"product": product.name, "version": product.running.version}
            yield _sample(scene, "airferry_release_info", labels, 1)


def _kubernetes(scene: Scene) -> Iterator[Sample]:
    yield _sample(scene, "airferry_kubernetes_info", {"version": scene.reached().version()}, 1)


def _deployments(scene: Scene) -> Iterator[Sample]:
    for product in installed.products(scene.state, scene.environment):
        counts = Counter(one.outcome for one in product.history)
        for outcome in _OUTCOMES:
            labels = {"product": product.name, "outcome": outcome}
            yield _sample(scene, "airferry_deployments", labels, counts[outcome])


def _workloads(scene: Scene) -> Iterator[Sample]:
    cluster = scene.reached()
    for product in installed.products(scene.state, scene.environment):
        counts: Counter[str] = Counter()
        for ref in _refs(scene, cluster, product):
            found = cluster.get(ref)
            counts[health.judge(found).state if found else "failed"] += 1
            yield from _restarts(scene, cluster, product, ref, found)
        for state in _STATES:
            labels = {"product": product.name, "state": state}
            yield _sample(scene, "airferry_workloads", labels, counts[state])


def _refs(scene: Scene, cluster: ClusterClient, product: Product) -> list[ObjectRef]:
    """The product's workloads, as the in-cluster inventory lists them."""
    held = finding.need(scene.state, cluster, scene.environment, product.name)
    return [one.ref for one in held.inventory.objects if one.ref.kind in health.WORKLOADS]


def _restarts(
    scene: Scene,
    cluster: ClusterClient,
    product: Product,
    ref: ObjectRef,
    found: Mapping[str, Any] | None,
) -> Iterator[Sample]:
    selector = ((found or {}).get("spec", {}).get("selector") or {}).get("matchLabels")
    if not selector or ref.kind == "Job":
        return
    text = ",".join(f"{name}={value}" for name, value in sorted(selector.items()))
    pods = cluster.list("v1", "Pod", ref.namespace, text)
    restarts = sum(
        int(container.get("restartCount", 0))
        for pod in pods
        for container in pod.get("status", {}).get("containerStatuses") or ()
    )
    labels = {
        "product": product.name,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "workload": ref.name,
    }
    yield _sample(scene, "airferry_workload_restarts", labels, restarts)


def _sample(scene: Scene, metric: str, labels: Mapping[str, str], value: float) -> Sample:
    return sample(metric, {"environment": scene.environment, **labels}, scene.at, value)


_COLLECTORS: dict[str, tuple[Category, Callable[[Scene], Iterator[Sample]]]] = {
    "releases": ("inventory", _releases),
    "kubernetes": ("inventory", _kubernetes),
    "workloads": ("health", _workloads),
    "deployments": ("deploy-history", _deployments),
}
