"""In which order an apply goes through its objects, and a removal back: pure.

A release is applied phase by phase; in some phases all objects must be ready before the next one
begins. A removal goes the other way round: custom resources while their operators still run,
webhooks before the services behind them, claims never.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from airferry_installer.planning.plan import ObjectRef
from airferry_rendering import phases
from airferry_rendering.objects import Object

WAITED = frozenset({"namespaces", "crds", "workloads", "webhooks", "custom-resources"})
"""Phases whose objects must be ready before the next phase begins."""

CLAIM = "PersistentVolumeClaim"
DEFINITION = "CustomResourceDefinition"


class Phased(Protocol):
    """Whatever stands in a phase."""

    @property
    def phase(self) -> str:
        """One of `phases.PHASES`."""


P = TypeVar("P", bound=Phased)


@dataclass(frozen=True, slots=True)
class Stage(Generic[P]):
    """One phase of an apply and its objects, in their order."""

    phase: str
    objects: tuple[P, ...]

    @property
    def is_hooks(self) -> bool:
        """Whether its objects run one after another instead of staying."""
        return self.phase.endswith("-hooks")

    @property
    def waits(self) -> bool:
        """Whether the next stage needs its objects ready."""
        return self.phase in WAITED


def stages(objects: Sequence[P]) -> tuple[Stage[P], ...]:
    """The stages that are not empty; within one, objects keep the order they are given in."""
    grouped: dict[str, list[P]] = {phase: [] for phase in phases.PHASES}
    for obj in objects:
        grouped[obj.phase].append(obj)
    return tuple(Stage(phase, tuple(found)) for phase, found in grouped.items() if found)


def ref_of(body: Object) -> ObjectRef:
    """Which object a body is."""
    metadata = body["metadata"]
    return ObjectRef(
        api_version=body["apiVersion"],
        kind=body["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
    )


def removal(refs: Iterable[ObjectRef]) -> tuple[ObjectRef, ...]:
    """The order in which objects are deleted: that of an apply, backwards."""
    return tuple(sorted(refs, key=lambda ref: phases.order_of(_bare(ref)), reverse=True))


def same(one: ObjectRef, other: ObjectRef) -> bool:
    """Whether two references mean one object, perhaps in two versions of its API."""
    return identity(one) == identity(other)


def identity(ref: ObjectRef) -> tuple[str, str, str, str]:
    """What an object is called apart from the version of its API."""
    group, slash, _ = ref.api_version.partition("/")
    return group if slash else "", ref.kind, ref.namespace, ref.name


def shown(ref: ObjectRef) -> str:
    """`Deployment shop/web`, for people."""
    return f"{ref.kind} {ref.namespace}/{ref.name}" if ref.namespace else f"{ref.kind} {ref.name}"


def _bare(ref: ObjectRef) -> dict[str, Any]:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}
