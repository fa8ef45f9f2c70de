"""`plan` refuses a step that is too wide and tells the way; what is newest stands beside it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from airferry_archive.release import Manifests
from airferry_fixtures.customers import Customer
from airferry_fixtures.servers.cluster import Cluster
from airferry_fixtures.simulator import blob_of, bundle_of, product_of
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation.digests import digest
from airferry_installer.applying import inventory
from airferry_installer.applying.inventory import Held, Inventory
from airferry_installer.cluster.client import ClusterClient, connect
from airferry_installer.planning.plan import Running
from airferry_installer.site import Kubernetes

pytestmark = [pytest.mark.cluster, pytest.mark.program("helm")]

CONFIG = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: told}\ndata: {a: b}\n"


def runs(client: ClusterClient, namespace: str, version: str, held: Held | None = None) -> Held:
    """Say that a version runs."""
    some = digest(version.encode())
    after = Inventory(
        schema="airferry.inventory/v1",
        product="shop",
        environment="staging",
        revision=1,
        state="applied",
        running=Running(
            product="shop", version=version, release=some, rendered=some, epoch=1, release_counter=1
        ),
        objects=(),
    )
    if held is None:
        return inventory.create(client, namespace, after)
    return inventory.update(client, held, msgspec.structs.replace(after, revision=2))


def test_the_way_is_told_and_taken(tmp_path: Path, cluster: Cluster, namespace: str) -> None:
    vendor, customer = Vendor(), Customer(tmp_path)
    customer.site.write_text(
        "customer: acme\nproducts: [shop]\n"
        'registry: {push: "127.0.0.1:5000", plain_http: true}\n'
        "environments:\n  staging:\n"
        f"    kubernetes: {{kubeconfig: {cluster.kubeconfig}}}\n"
        f"    namespaces: {{shop: {namespace}}}\n"
    )
    assert customer.init(vendor).code == 0
    manifests = blob_of(CONFIG, repository="shop/files")
    product = product_of(blobs=[manifests], counter=9).changed(
        version="1.9.0",
        required_stops=("1.6.0", "1.4.0"),
        upgrade_from=">=1.5.0",
        manifests=(Manifests(name="plain", digest=manifests.digest, namespace="shop"),),
    )
    said = channel_of(newest_counter=11, newest_version="1.11.0", security_floor=2)
    bundle = bundle_of(tmp_path / "shop.tar.zst", vendor, product, channel=said)
    words = ("plan", bundle, "-e", "staging", "--output", "json")
    with connect(Kubernetes(kubeconfig=str(cluster.kubeconfig)), Path()) as client:
        held = runs(client, namespace, "1.2.0")
        refused = customer.run(*words)
        assert refused.code == 26, refused.stderr
        assert "1.4.0, 1.6.0 may not be skipped" in refused.stderr
        assert "The way: 1.2.0 -> 1.4.0 -> 1.6.0 -> 1.9.0" in refused.stderr
        assert not (tmp_path / "plan.json").exists()

        runs(client, namespace, "1.6.0", held)
        done = customer.run(*words)
    assert done.code == 0, done.stderr
    told = done.answer["channel"]
    assert (told["newest_version"], told["security_floor"]) == ("1.11.0", 2)
    status = customer.run("status")
    assert "newest 1.11.0 (counter 11), floor 2, none revoked" in status.stdout
