"""Collectors against a real cluster: what it says, and what it may not be asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airferry_bundler.fleet import report
from airferry_bundler.fleet.store import existing
from airferry_fixtures import telemetry
from airferry_fixtures.servers.cluster import Cluster
from airferry_fixtures.telemetry import Office, agree, export
from airferry_foundation import clock
from airferry_installer.applying import inventory
from airferry_installer.applying.inventory import Inventory, InventoryObject
from airferry_installer.cluster.client import connect
from airferry_installer.monitoring import sampling
from airferry_installer.planning.plan import ObjectRef
from airferry_installer.site import Kubernetes
from airferry_installer.state import StateFolder
from airferry_telemetry import envelope
from airferry_telemetry.redaction import hash_label

pytestmark = pytest.mark.cluster


@pytest.fixture
def vendor(tmp_path: Path) -> Office:
    return telemetry.office(tmp_path / "vendor")


@pytest.fixture
def state(cluster: Cluster, namespace: str, vendor: Office, tmp_path: Path) -> StateFolder:
    """A customer whose cluster runs one Deployment of shop, and whose inventory lists two."""
    recipients = {"default": {"operations": vendor.identity.recipient}}
    environment = f"kubernetes: {{kubeconfig: {cluster.kubeconfig}}}"
    state = telemetry.customer_state(tmp_path / "customer", recipients, environment=environment)
    telemetry.applied(state, 2, recipients, namespace=namespace)
    _install(cluster, namespace, ("web",))
    return state


def _install(cluster: Cluster, namespace: str, names: tuple[str, ...]) -> None:
    cluster.kubectl(
        "create", "deployment", "web", "--image=registry.example/web:1", "-n", namespace
    )
    cluster.kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=60s")
    refs = [
        ObjectRef(api_version="apps/v1", kind="Deployment", namespace=namespace, name=name)
        for name in names
    ]
    said = Inventory(
        schema="airferry.inventory/v1",
        product="shop",
        environment="staging",
        revision=2,
        state="applied",
        objects=tuple(InventoryObject(ref=ref) for ref in refs),
    )
    with connect(Kubernetes(kubeconfig=str(cluster.kubeconfig)), Path("/")) as client:
        inventory.create(client, namespace, said)


def _values(state: StateFolder) -> dict[str, float]:
    found, _ = sampling.sample_now(state, "staging")
    assert found.gaps == ()
    return {
        f"{one.metric} {json.dumps(dict(one.labels), sort_keys=True)}": one.value
        for one in found.samples
    }


def test_a_ready_workload_is_counted_and_its_restarts_too(
    state: StateFolder, namespace: str
) -> None:
    agree(state)
    found = _values(state)
    by_state = {
        name: value for key, value in found.items() for name in ("ready", "waiting", "failed")
        if key.startswith("airferry_workloads ") and f'"state": "{name}"' in key
    }  # fmt: skip
    assert by_state == {"ready": 1, "waiting": 0, "failed": 0}
    (restarts,) = [key for key in found if key.startswith("airferry_workload_restarts")]
    assert found[restarts] == 0
    assert '"workload": "web"' in restarts


def test_a_workload_that_is_gone_has_failed(
    state: StateFolder, cluster: Cluster, namespace: str
) -> None:
    agree(state, "health")
    cluster.kubectl("delete", "deployment", "web", "-n", namespace)
    key = '{"environment": "staging", "product": "shop", "state": "failed"}'
    assert _values(state)[f"airferry_workloads {key}"] == 1


def test_from_the_cluster_to_the_fleet_report(
    state: StateFolder, vendor: Office, namespace: str, tmp_path: Path
) -> None:
    agree(state)
    vendor.enroll(state)
    done = export(state, tmp_path / "stick")
    metrics = done.package.contents[envelope.METRICS].decode()
    assert namespace not in metrics
    assert hash_label(namespace, state.hmac_key()) in metrics
    assert len(done.package.manifest.cluster) == 16
    assert vendor.take(done.path).state == "accepted"
    (row,) = report.rows(existing(vendor.store.folder), clock.now())
    assert (row.health, row.restarts, row.version) == ("healthy", 0, "1.2.0")


def test_with_a_damaged_inventory_health_is_a_gap(
    state: StateFolder, cluster: Cluster, namespace: str
) -> None:
    agree(state, "health")
    name = inventory.secret_name("shop")
    patch = '{"data": {"inventory.json": "bm8="}}'
    cluster.kubectl("patch", "secret", name, "-n", namespace, "-p", patch)
    found, _ = sampling.sample_now(state, "staging")
    assert [(gap.category, gap.collector) for gap in found.gaps] == [("health", "workloads")]
    assert not [one for one in found.samples if one.metric == "airferry_workloads"]
