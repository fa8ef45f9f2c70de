"""Which namespace an object goes to: the site's in place of the release's own; scopes of kinds."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from airferry_archive.release import Release
from airferry_foundation.errors import ChartError
from airferry_installer.cluster.discovery import Discovery
from airferry_installer.site import Environment
from airferry_rendering.objects import Object, group_of
from airferry_rendering.pointers import MISSING, get, put

CRD = "CustomResourceDefinition"


@dataclass(frozen=True, slots=True)
class Scopes:
    """Whether kinds are namespaced: what the cluster serves, and what the release's CRDs add."""

    served: Discovery
    added: Mapping[tuple[str, str], bool]

    @classmethod
    def of(cls, served: Discovery, objects: Iterable[Object]) -> Scopes:
        """From a cluster's kinds and the CRDs among some objects."""
        added: dict[tuple[str, str], bool] = {}
        for crd in objects:
            if crd["kind"] == CRD:
                spec = crd.get("spec", {})
                key = str(spec.get("group", "")), str(spec.get("names", {}).get("kind", ""))
                added[key] = spec.get("scope") != "Cluster"
        return cls(served, added)

    def is_namespaced(self, obj: Object, source: str) -> bool:
        """Whether an object's kind lives in namespaces; ChartError for a kind that nobody knows."""
        added = self.added.get((group_of(obj["apiVersion"]), obj["kind"]))
        if added is not None:
            return added
        found = self.served.get(obj["apiVersion"], obj["kind"])
        if found is None:
            raise ChartError(
                f"{source}: the cluster does not serve {obj['kind']} of {obj['apiVersion']}, and "
                "the release brings no CustomResourceDefinition for it",
                "Install what brings this kind first, or switch this part of the chart off.",
            )
        return found.namespaced


def crd_versions(objects: Iterable[Object]) -> tuple[str, ...]:
    """What CRDs among some objects add to Helm's capabilities."""
    found: set[str] = set()
    for crd in objects:
        if crd["kind"] != CRD:
            continue
        spec = crd.get("spec", {})
        for version in spec.get("versions", []):
            if version.get("served", True):
                api_version = f"{spec.get('group')}/{version.get('name')}"
                found |= {api_version, f"{api_version}/{spec.get('names', {}).get('kind')}"}
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The release's own namespaces, and what the site puts in their place."""

    mapping: Mapping[str, str]

    @classmethod
    def of(cls, release: Release, environment: Environment) -> Namespaces:
        """Every namespace that a release names; `namespaces` of the site takes the place of all."""
        own = [chart.namespace for chart in release.charts]
        own += [manifests.namespace for manifests in release.manifests]
        chosen = environment.namespaces.get(release.product)
        return cls({name: chosen or name for name in own})

    @property
    def targets(self) -> tuple[str, ...]:
        """The namespaces that are used, the release's first one first."""
        return tuple(dict.fromkeys(self.mapping.values()))

    def place(self, obj: Object, default: str, *, namespaced: bool) -> Object:
        """A copy in its namespace; references to the release's own namespaces follow."""
        placed = copy.deepcopy(obj)
        metadata = placed["metadata"]
        if namespaced:
            named = metadata.get("namespace")
            metadata["namespace"] = self.mapping.get(named, named) if named else default
        else:
            metadata.pop("namespace", None)
        for pointer in _references(placed):
            found = get(placed, pointer)
            if isinstance(found, str) and found in self.mapping:
                put(placed, pointer, self.mapping[found])
        return placed


def _references(obj: dict[str, Any]) -> list[str]:
    """Pointers to the namespaces that an object of the API's own kinds refers to."""
    kind = obj["kind"]
    if kind in ("RoleBinding", "ClusterRoleBinding"):
        return [f"/subjects/{n}/namespace" for n in range(len(obj.get("subjects") or []))]
    if kind.endswith("WebhookConfiguration"):
        count = len(obj.get("webhooks") or [])
        return [f"/webhooks/{n}/clientConfig/service/namespace" for n in range(count)]
    if kind == CRD:
        return ["/spec/conversion/webhook/clientConfig/service/namespace"]
    service = "/spec/service/namespace"
    return [service] if kind == "APIService" and get(obj, service) is not MISSING else []
