"""Deltas against a real registry: what is left out is found there, or written down."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from airferry_archive.receipts import read_need
from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.servers.registry import NEW, OLD, RegistryServer
from airferry_fixtures.simulator import (
    TAR_LAYER,
    Product,
    blob_of,
    bundle_of,
    image_of,
    noise,
    product_of,
)
from airferry_fixtures.statements import Vendor
from airferry_foundation.digests import digest, hex_of
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings
from airferry_signing import sshsig

pytestmark = pytest.mark.program("registry")

VENDOR = Vendor()
SAME = [noise(200_000, "layer 1"), noise(300_000, "layer 2")]
FILE = "shop/files"


def release(number: int, layer: bytes, name: str = "docker.io/acme/web") -> Product:
    """A release whose image differs from the next one's in one layer."""
    return product_of(
        images=[image_of(f"{name}:{number}", layers=[*SAME, layer])],
        blobs=[blob_of(b"all the same\n" * 5000, TAR_LAYER, "docker.io/acme/web")],
        counter=number,
    )


ONE = release(1, noise(50_000, "old"))
TWO = release(2, noise(60_000, "new"))


@pytest.fixture
def customer(tmp_path: Path, server: RegistryServer) -> Customer:
    return customer_of(tmp_path / "customer", server.address, VENDOR)


def client(server: RegistryServer) -> RegistryClient:
    return RegistryClient(RegistrySettings(server.address, plain_http=True))


def new_in(product: Product, *bases: Product) -> list[str]:
    held = {one for base in bases for one in base.contents}
    return [one for one in product.contents if one not in held]


def bundle(path: Path, product: Product, carried: Iterable[str] | None = None) -> Path:
    return bundle_of(path, VENDOR, product, carried=carried)


def tags(server: RegistryServer, repository: str = "docker.io/acme/web") -> tuple[str, ...]:
    return client(server).tags(repository)


def loaded(customer: Customer, file: Path, *more: str | Path) -> dict[str, object]:
    ran = customer.run("load", file, *more, "--output", "json")
    assert ran.code == 0, ran.stderr
    return ran.answer


def test_a_delta_of_one_layer_is_that_layer_and_a_little(
    tmp_path: Path, customer: Customer, server: RegistryServer
) -> None:
    loaded(customer, bundle(tmp_path / "one", ONE))
    delta = bundle(tmp_path / "two", TWO, new_in(TWO, ONE))
    assert delta.stat().st_size < 60_000 + 50_000
    assert customer.run("verify", delta).code == 0
    report = loaded(customer, delta)
    assert (report["sent"], report["manifests"]) == (2, 1)  # layer and config
    image = TWO.release.images[0]
    assert client(server).has_manifest("docker.io/acme/web", image.digest) == image.digest
    assert f"airferry-{hex_of(image.digest)[:16]}" in tags(server)
    assert loaded(customer, delta, "--deep")["nothing_sent"] is True
    assert loaded(customer, bundle(tmp_path / "full", TWO))["nothing_sent"] is True


def test_a_delta_without_its_base_is_written_down_and_completed(
    tmp_path: Path, customer: Customer, server: RegistryServer
) -> None:
    delta = bundle(tmp_path / "two", TWO, new_in(TWO, ONE))
    need_file = tmp_path / "need.json"
    ran = customer.run("load", delta, "-o", need_file)
    assert ran.code == 33
    assert "nothing was tagged" in ran.stderr
    assert "airferry-bundler build --only" in ran.stderr
    assert tags(server) == ()
    need = read_need(need_file)
    manifest = TWO.release.images[0].digest
    assert set(need.blobs) == {*ONE.contents} & {*TWO.contents} | {manifest}
    completing = bundle(tmp_path / "rest", TWO, need.blobs)
    assert loaded(customer, completing)["manifests"] == 1
    assert loaded(customer, delta)["nothing_sent"] is True


def test_without_o_the_need_is_in_the_state_folder(tmp_path: Path, customer: Customer) -> None:
    (tmp_path / "stick").mkdir()
    delta = bundle(tmp_path / "stick" / "two", TWO, new_in(TWO, ONE))
    ran = customer.run("load", delta, "--output", "json")
    assert ran.code == 33
    assert json.loads(ran.stderr.splitlines()[-1])["error"] == "RegistryMissing"
    assert (customer.folder / "state" / "need.json").is_file()
    assert [one.name for one in (tmp_path / "stick").iterdir()] == ["two"]
    events = [entry.event for entry in customer.state.journal.entries()]
    assert events[-1] == "load incomplete"


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_what_another_repository_has_is_mounted(
    tmp_path: Path, customer: Customer, server: RegistryServer
) -> None:
    """The image moved to another repository: an earlier release says where its blobs are."""
    loaded(customer, bundle(tmp_path / "one", ONE))
    moved = release(3, noise(60_000, "new"), "docker.io/acme/renamed")
    delta = bundle(tmp_path / "moved", moved, new_in(moved, ONE))
    report = loaded(customer, delta)
    assert report["mounted"] == 2
    assert client(server).has_manifest("docker.io/acme/renamed", moved.release.images[0].digest)


def test_a_manifest_that_another_repository_has_is_copied(
    tmp_path: Path, customer: Customer, server: RegistryServer
) -> None:
    loaded(customer, bundle(tmp_path / "one", ONE))
    moved = release(3, noise(50_000, "old"), "docker.io/acme/renamed")
    assert new_in(moved, ONE) == []
    report = loaded(customer, bundle(tmp_path / "moved", moved, []))
    assert (report["sent"], report["manifests"]) == (0, 1)
    assert client(server).has_manifest("docker.io/acme/renamed", moved.release.images[0].digest)


def test_a_receipt_says_what_the_registry_holds_and_is_signed(
    tmp_path: Path, customer: Customer, server: RegistryServer
) -> None:
    assert customer.run("receipt", "-o", tmp_path / "r.json").code == 65
    loaded(customer, bundle(tmp_path / "one", ONE))
    ran = customer.run("receipt", "-o", tmp_path / "r.json", "--output", "json")
    assert ran.code == 0, ran.stderr
    data = (tmp_path / "r.json").read_bytes()
    content = json.loads(data)
    assert set(content["blobs"]) == set(ONE.contents)
    assert [one["version"] for one in content["releases"]] == ["1.1.0"]
    assert server.address.encode() not in data
    signer = sshsig.verify(data, (tmp_path / "r.json.sig").read_bytes(), name="receipt")
    assert signer.key_id == ran.answer["signer"] == customer.state.keys.public().key_id


def test_a_receipt_leaves_out_what_the_registry_lost(
    tmp_path: Path, customer: Customer, server: RegistryServer
) -> None:
    loaded(customer, bundle(tmp_path / "one", ONE))
    gone = ONE.release.blobs[0].digest
    for link in (server.folder / "data").rglob(f"{hex_of(gone)}/link"):
        link.unlink()
    assert customer.run("receipt", "-o", tmp_path / "r.json").code == 0
    content = json.loads((tmp_path / "r.json").read_bytes())
    assert set(content["blobs"]) == set(ONE.contents) - {gone}
    assert content.get("releases") in (None, [])


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_deep_finds_what_the_storage_damaged(
    tmp_path: Path, customer: Customer, server: RegistryServer
) -> None:
    file = bundle(tmp_path / "one", ONE)
    answer = loaded(customer, file, "--deep")
    assert answer["fetched"] == {
        "blobs": len(ONE.contents),
        "bytes": sum(map(len, ONE.contents.values())),
    }
    layer = next(b.digest for b in ONE.release.blobs if b.size > 250_000)
    [stored] = (server.folder / "data").rglob(f"{hex_of(layer)}/data")
    content = bytearray(stored.read_bytes())
    content[1000] ^= 1
    stored.write_bytes(content)
    assert loaded(customer, file)["nothing_sent"] is True
    ran = customer.run("load", file, "--deep")
    assert ran.code == 34
    assert layer in ran.stderr
    assert "storage of the registry" in ran.stderr
    assert digest(bytes(content)) != layer
