"""Which kinds a cluster serves: aggregated discovery, two requests.

Source: kubernetes.io/docs/reference/using-api/api-concepts, "Aggregated discovery" (since 1.27).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from airferry_foundation.errors import ClusterError

ACCEPT = ",".join(
    f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    for version in ("v2", "v2beta1")
)


@dataclass(frozen=True, slots=True)
class Resource:
    """How one kind is reached."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: tuple[str, ...] = ()

    def path(self, namespace: str = "", name: str = "") -> str:
        """The URL path of an object, or (no name) of the collection."""
        root = "/apis/" if "/" in self.api_version else "/api/"
        where = f"/namespaces/{quote(namespace)}" if self.namespaced and namespace else ""
        tail = f"/{quote(name, safe='')}" if name else ""
        return f"{root}{self.api_version}{where}/{self.plural}{tail}"


@dataclass(frozen=True, slots=True)
class Discovery:
    """All kinds by (api_version, kind)."""

    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)

    @classmethod
    def of(cls, answers: Iterable[dict[str, Any]]) -> Discovery:
        """From the answers of `/api` and `/apis`; ClusterError from a server that is too old."""
        found = [resource for answer in answers for resource in _resources(answer)]
        return cls({(r.api_version, r.kind): r for r in found})

    def get(self, api_version: str, kind: str) -> Resource | None:
        """A kind, None if it is not served."""
        return self.resources.get((api_version, kind))

    def api_versions(self) -> tuple[str, ...]:
        """What Helm's capabilities hold: `apps/v1` and `apps/v1/Deployment`, sorted."""
        versions = {api_version for api_version, _ in self.resources}
        return tuple(sorted(versions | {f"{v}/{kind}" for v, kind in self.resources}))


def _resources(answer: dict[str, Any]) -> Iterator[Resource]:
    if answer.get("kind") != "APIGroupDiscoveryList":
        raise ClusterError(
            f"the API server answers discovery with {answer.get('kind')!r}, "
            "expected 'APIGroupDiscoveryList'",
            "Kubernetes 1.27 or newer is needed.",
        )
    for group in answer.get("items", []):
        name = group.get("metadata", {}).get("name", "")
        for version in group.get("versions", []):
            api_version = f"{name}/{version['version']}" if name else version["version"]
            for entry in version.get("resources", []):
                if kind := (entry.get("responseKind") or {}).get("kind"):
                    yield Resource(
                        api_version=api_version,
                        kind=kind,
                        plural=entry["resource"],
                        namespaced=entry.get("scope") == "Namespaced",
                        verbs=tuple(entry.get("verbs", ())),
                    )
