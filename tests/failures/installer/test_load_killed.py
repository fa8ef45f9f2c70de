"""`load` killed at any moment: the same command goes on, and nothing half is ever visible."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_fixtures.customers import customer_of
from airferry_fixtures.registry_content import stored, tags
from airferry_fixtures.servers.registry import NEW, OLD, RegistryServer
from airferry_fixtures.simulator import bundle_of, image_of, noise, product_of
from airferry_fixtures.statements import Vendor
from airferry_foundation import clock
from airferry_foundation.digests import digest

pytestmark = pytest.mark.program("registry")

_LAYERS = 24


def _committed(registry: RegistryServer) -> set[str]:
    """The digests of blobs and manifests that a repository has."""
    kinds = ("_layers/sha256", "_manifests/revisions/sha256")
    return {
        f"sha256:{Path(name).parent.name}"
        for name in stored(registry)
        if name.endswith("/link") and str(Path(name).parent.parent).endswith(kinds)
    }


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
@pytest.mark.parametrize("wanted", [1, 9, 20])
def test_killed_after_so_many_blobs(
    tmp_path: Path, start_registry: Callable[..., RegistryServer], wanted: int
) -> None:
    vendor, registry = Vendor(), start_registry()
    customer = customer_of(tmp_path / "c", registry.address, vendor)
    layers = [noise(4_000_000, n) for n in range(_LAYERS)]
    product = product_of(images=[image_of(layers=layers)])
    bundle = bundle_of(tmp_path / "shop.tar.zst", vendor, product)
    killed = customer.start("load", bundle, "--workers", "1")
    while len(_committed(registry)) < wanted and killed.poll() is None:
        clock.pause(0.002)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    there = _committed(registry)
    assert there <= set(product.contents)
    if killed.returncode != 0:
        assert tags(registry) == {} or len(there) == len(product.contents)
    again = customer.run("load", bundle, "--output", "json")
    assert again.code == 0, again.stderr
    sizes = {one: len(data) for one, data in product.contents.items()}
    held = sum(sizes[one] for one in there)
    assert again.answer["bytes_sent"] <= sum(sizes.values()) - held
    assert _committed(registry) == set(product.contents)
    assert len(tags(registry)) == 1
    assert customer.run("history", "--verify").code == 0


def test_killed_at_random_moments(
    tmp_path: Path, start_registry: Callable[..., RegistryServer]
) -> None:
    vendor, registry = Vendor(), start_registry()
    customer = customer_of(tmp_path / "c", registry.address, vendor)
    product = product_of(images=[image_of(layers=[noise(3_000_000, n) for n in range(8)])])
    bundle = bundle_of(tmp_path / "shop.tar.zst", vendor, product)
    moments = random.Random(4711)  # noqa: S311 - nothing secret
    for _ in range(6):
        killed = customer.start("load", bundle)
        clock.pause(moments.uniform(0.1, 2.0))
        killed.kill()
        killed.communicate()
        customer.state.journal.verify()
    done = customer.run("load", bundle)
    assert done.code == 0, done.stderr
    assert _committed(registry) == set(product.contents)


def test_a_registry_that_dies_under_the_load(
    tmp_path: Path, start_registry: Callable[..., RegistryServer]
) -> None:
    vendor, registry = Vendor(), start_registry()
    customer = customer_of(tmp_path / "c", registry.address, vendor)
    product = product_of(images=[image_of(layers=[noise(4_000_000, n) for n in range(_LAYERS)])])
    bundle = bundle_of(tmp_path / "shop.tar.zst", vendor, product)
    loading = customer.start("load", bundle, "--workers", "1")
    while len(_committed(registry)) < 3 and loading.poll() is None:
        clock.pause(0.002)
    registry.stop()
    _, said = loading.communicate(timeout=200)
    assert loading.returncode == 31, said
    assert "next:" in said
    assert "Traceback" not in said
    port = int(registry.address.rpartition(":")[2])
    start_registry(folder=registry.folder, port=port)
    done = customer.run("load", bundle, "--output", "json")
    assert done.code == 0, done.stderr
    assert done.answer["present"] >= 3


def test_interrupted_from_the_keyboard(
    tmp_path: Path, start_registry: Callable[..., RegistryServer]
) -> None:
    vendor, registry = Vendor(), start_registry()
    customer = customer_of(tmp_path / "c", registry.address, vendor)
    product = product_of(images=[image_of(layers=[noise(4_000_000, n) for n in range(_LAYERS)])])
    bundle = bundle_of(tmp_path / "shop.tar.zst", vendor, product)
    loading = customer.start("load", bundle, "--workers", "1")
    while len(_committed(registry)) < 2 and loading.poll() is None:
        clock.pause(0.002)
    loading.send_signal(signal.SIGINT)
    _, said = loading.communicate(timeout=100)
    assert loading.returncode == 130, said
    assert "same command again" in said
    assert tags(registry) == {}
    assert customer.run("load", bundle).code == 0


def test_digests_at_the_customer_are_those_of_the_vendor(
    tmp_path: Path, start_registry: Callable[..., RegistryServer]
) -> None:
    vendor, registry = Vendor(), start_registry()
    customer = customer_of(tmp_path / "c", registry.address, vendor)
    product = product_of(images=[image_of(layers=[noise(70_000, n)]) for n in range(1)])
    assert customer.run("load", bundle_of(tmp_path / "b.tar.zst", vendor, product)).code == 0
    data = registry.folder / "data"
    blobs = {path.parent.name: path.read_bytes() for path in data.rglob("blobs/sha256/*/*/data")}
    assert {digest(content)[7:] for content in blobs.values()} == set(blobs)
    assert {f"sha256:{name}" for name in blobs} == set(product.contents)
