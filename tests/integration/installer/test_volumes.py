"""A customer with volumes: taken as they are, from one folder or several."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from airferry_archive import splitting
from airferry_archive.reader import BundleReader
from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.simulator import bundle_of
from airferry_fixtures.small_volumes import three_sticks
from airferry_fixtures.statements import Vendor
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("registry")

VENDOR = Vendor()
PRODUCT = three_sticks()


@pytest.fixture
def customer(tmp_path: Path, server: RegistryServer) -> Customer:
    return customer_of(tmp_path / "customer", server.address, VENDOR)


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """Volumes of 250 kB, smaller than a person can make them."""
    folder = tmp_path / "stick"
    folder.mkdir()
    bundle = bundle_of(tmp_path / "shop.tar.zst", VENDOR, PRODUCT)
    made = splitting.split(bundle, folder, 250_000)
    assert len(made) == 3
    bundle.unlink()
    return folder


def complete(server: RegistryServer) -> bool:
    client = RegistryClient(RegistrySettings(server.address, plain_http=True))
    image = PRODUCT.release.images[0]
    return client.has_manifest("docker.io/acme/web", image.digest) == image.digest


def tagged(server: RegistryServer) -> bool:
    client = RegistryClient(RegistrySettings(server.address, plain_http=True))
    return bool(client.tags("docker.io/acme/web"))


def put_away(stick: Path, number: int, folder: str = "drawer") -> Path:
    drawer = stick.with_name(folder)
    drawer.mkdir(exist_ok=True)
    shutil.move(stick / f"shop.tar.zst.00{number}", drawer)
    return drawer


def test_all_commands_take_volumes_as_they_are(
    customer: Customer, server: RegistryServer, stick: Path
) -> None:
    before = sorted(one.name for one in stick.iterdir())
    for folder in (stick, *stick.iterdir()):
        folder.chmod(0o555 if folder.is_dir() else 0o444)
    inspected = customer.run("inspect", stick, "--output", "json")
    assert (inspected.code, inspected.answer["volumes_absent"]) == (0, [])
    verified = customer.run("verify", stick / "shop.tar.zst.002", "--output", "json")
    assert verified.code == 0, verified.stderr
    assert verified.answer["blobs_read"] == len(PRODUCT.contents)
    loaded = customer.run("load", stick, "--output", "json")
    assert loaded.code == 0, loaded.stderr
    assert complete(server)
    assert customer.run("load", stick / "shop.tar.zst.001", "--output", "json").answer[
        "nothing_sent"
    ]
    assert sorted(one.name for one in stick.iterdir()) == before
    stick.chmod(0o755)


def test_what_is_missing_is_named_and_nothing_was_sent(
    customer: Customer, server: RegistryServer, stick: Path
) -> None:
    put_away(stick, 2)
    for command in ("verify", "load"):
        ran = customer.run(command, stick)
        assert ran.code == 54, ran.stderr
        assert "shop.tar.zst.002" in ran.stderr
        assert "--volumes" in ran.stderr
    assert not list((server.folder / "data").rglob("blobs/sha256/*/*/data"))
    inspected = customer.run("inspect", stick, "--output", "json")
    assert (inspected.code, inspected.answer["volumes_absent"]) == (0, [2])


def test_other_folders_in_any_order(
    customer: Customer, server: RegistryServer, stick: Path
) -> None:
    second, third = put_away(stick, 2, "one"), put_away(stick, 3, "two")
    ran = customer.run("load", stick, "--volumes", third, "--volumes", second)
    assert ran.code == 0, ran.stderr
    assert complete(server)


def test_one_volume_is_checked_alone(customer: Customer, stick: Path) -> None:
    put_away(stick, 1)
    ran = customer.run("verify", "--alone", stick / "shop.tar.zst.002", "--output", "json")
    assert ran.code == 0, ran.stderr
    assert (ran.answer["index"], ran.answer["count"], ran.answer["whole"]) == (2, 3, True)
    with (stick / "shop.tar.zst.002").open("r+b") as file:
        file.seek(1000)
        file.write(b"?")
    assert customer.run("verify", "--alone", stick / "shop.tar.zst.002").code == 21


def test_a_bad_volume_stops_the_load_and_the_same_command_goes_on_with_a_good_one(
    customer: Customer, server: RegistryServer, stick: Path
) -> None:
    """Only what is still missing is sent then."""
    path = stick / "shop.tar.zst.003"
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[20_000:30_000] = bytes(10_000)
    path.write_bytes(damaged)
    ran = customer.run("load", stick)
    assert ran.code == 21
    assert "(damaged: shop.tar.zst.003)" in ran.stderr
    assert "airferry-bundler split … --size 250000 --only 3" in ran.stderr
    assert not tagged(server)
    path.write_bytes(whole)
    ran = customer.run("load", stick, "--output", "json")
    assert ran.code == 0, ran.stderr
    with BundleReader.open(stick) as reader:
        layers = len(reader.bind(reader.release()).members) - 1
    assert ran.answer["sent"] < layers
    assert complete(server)
