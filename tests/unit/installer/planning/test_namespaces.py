from __future__ import annotations

from typing import Any

import pytest

from airferry_foundation.errors import ChartError
from airferry_installer.cluster.discovery import Discovery, Resource
from airferry_installer.planning.namespaces import Namespaces, Scopes, crd_versions

SERVED = Discovery(
    {
        ("v1", "ConfigMap"): Resource("v1", "ConfigMap", "configmaps", namespaced=True),
        ("v1", "Namespace"): Resource("v1", "Namespace", "namespaces", namespaced=False),
    }
)
NAMES = Namespaces({"shop": "bank-prod-shop"})


def made(kind: str, namespace: str = "", **fields: Any) -> dict[str, Any]:
    metadata = {"name": "a", **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}


def crd(scope: str = "Cluster") -> dict[str, Any]:
    versions = [{"name": "v1"}, {"name": "v0", "served": False}]
    names = {"kind": "Order"}
    spec = {"group": "x.io", "scope": scope, "names": names, "versions": versions}
    return {**made("CustomResourceDefinition"), "spec": spec}


def test_objects_get_the_sites_namespace() -> None:
    def where(obj: dict[str, Any], *, namespaced: bool = True) -> Any:
        placed = NAMES.place(obj, "bank-prod-shop", namespaced=namespaced)
        return placed["metadata"].get("namespace")

    assert where(made("ConfigMap")) == "bank-prod-shop"
    assert where(made("ConfigMap", "shop")) == "bank-prod-shop"
    assert where(made("ConfigMap", "monitoring")) == "monitoring"
    assert where(made("ClusterRole", "shop"), namespaced=False) is None


@pytest.mark.parametrize(
    "obj",
    [
        made("RoleBinding", subjects=[{"namespace": "shop"}]),
        made("MutatingWebhookConfiguration",
             webhooks=[{"clientConfig": {"service": {"namespace": "shop"}}}]),
        made("APIService", spec={"service": {"namespace": "shop"}}),
        made("CustomResourceDefinition", spec={"conversion": {"webhook": {"clientConfig": {
            "service": {"namespace": "shop"}}}}}),
    ],
)  # fmt: skip
def test_references_to_the_releases_own_namespace_follow(obj: dict[str, Any]) -> None:
    placed = NAMES.place(obj, "bank-prod-shop", namespaced=False)
    assert "'namespace': 'bank-prod-shop'" in str(placed)
    assert "'namespace': 'shop'" not in str(placed)


def test_other_references_stay() -> None:
    obj = made("RoleBinding", subjects=[{"namespace": "monitoring"}, {"name": "x"}])
    placed = NAMES.place(obj, "bank-prod-shop", namespaced=True)
    assert placed["subjects"] == obj["subjects"]


def test_scopes_come_from_the_server_and_from_the_releases_own_crds() -> None:
    scopes = Scopes.of(SERVED, [crd()])
    assert scopes.is_namespaced(made("ConfigMap"), "chart x")
    order = {**made("Order"), "apiVersion": "x.io/v1"}
    assert not scopes.is_namespaced(order, "chart x")
    assert Scopes.of(SERVED, [crd("Namespaced")]).is_namespaced(order, "chart x")
    with pytest.raises(ChartError, match="chart x: the cluster does not serve Thing of v1"):
        scopes.is_namespaced(made("Thing"), "chart x")


def test_crds_widen_what_templates_may_ask_for() -> None:
    assert crd_versions([made("ConfigMap"), crd()]) == ("x.io/v1", "x.io/v1/Order")
