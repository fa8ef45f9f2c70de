"""doctor against a real cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from airferry_archive.release import Manifests, Requires
from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.registry_content import stored
from airferry_fixtures.servers.cluster import Cluster
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.simulator import bundle_of, small_product
from airferry_fixtures.statements import Vendor
from airferry_foundation.digests import digest

pytestmark = [pytest.mark.cluster, pytest.mark.program("registry", "kubectl")]

Checks = list[dict[str, str]]


@pytest.fixture(scope="module")
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def customer(
    tmp_path: Path, vendor: Vendor, registry: RegistryServer, cluster: Cluster
) -> Customer:
    made = customer_of(tmp_path / "c", registry.address, vendor)
    where = f'{{staging: {{kubernetes: {{kubeconfig: "{cluster.kubeconfig}"}}}}}}'
    made.site.write_text(made.site.read_text().replace("{staging: {}}", where))
    return made


def examined(customer: Customer, *words: str | Path) -> tuple[int, Checks]:
    done = customer.run("doctor", *words, "--output", "json")
    return done.code, [one for one in done.answer["checks"] if "cluster" in one["check"]]


def bundle(folder: Path, vendor: Vendor, name: str, kubernetes: str, platform: str) -> Path:
    part = Manifests(name="shop", digest=digest(b""), namespace="shop-here")
    product = small_product().changed(
        version=f"1.0.0-{name}",
        requires=Requires(kubernetes=kubernetes),
        platforms=(platform,),
        manifests=(part,),
    )
    return bundle_of(folder / f"{name}.tar.zst", vendor, product)


def test_a_cluster_that_fits(
    customer: Customer, vendor: Vendor, tmp_path: Path, registry: RegistryServer
) -> None:
    before = stored(registry)
    file = bundle(tmp_path, vendor, "fits", ">=1.29", "linux/amd64")
    code, checks = examined(customer, file, "-e", "staging")
    assert [one["outcome"] for one in checks] == ["ok"] * len(checks), checks
    assert any("shop-here" in one["tried"] for one in checks)
    assert any("linux/amd64" in one["found"] for one in checks)
    assert code == 0
    assert stored(registry) == before


def test_a_cluster_that_does_not(customer: Customer, vendor: Vendor, tmp_path: Path) -> None:
    file = bundle(tmp_path, vendor, "future", ">=9.0", "linux/s390x")
    code, checks = examined(customer, file)
    failed = [one for one in checks if one["outcome"] == "failed"]
    assert code == 1
    assert any("is not within >=9.0" in one["found"] for one in failed)
    assert any("the release carries linux/s390x" in one["found"] for one in failed)
    assert all(one["todo"] for one in failed)


def test_a_cluster_that_is_not_there(customer: Customer, cluster: Cluster) -> None:
    text = customer.site.read_text()
    customer.site.write_text(text.replace("{kubeconfig:", "{context: nowhere, kubeconfig:"))
    code, checks = examined(customer)
    assert code == 1
    assert [one["outcome"] for one in checks] == ["failed"]
    assert "nowhere" in checks[0]["found"]
