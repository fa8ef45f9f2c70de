"""`load` killed at 40 seeded moments and inside a blob: all there in the end, never a part seen."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from subprocess import Popen

import pytest

from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.registry_content import stored, tags
from airferry_fixtures.servers.registry import NEW, OLD, RegistryServer
from airferry_fixtures.servers.relay import Relay
from airferry_fixtures.simulator import Product, bundle_of, image_of, noise, product_of
from airferry_fixtures.statements import Vendor
from airferry_foundation.digests import digest
from airferry_registry import manifests
from airferry_registry.manifests import OCI_MANIFEST, Manifest
from airferry_registry.push import CHUNK

pytestmark = pytest.mark.program("registry")

BIG = 2 * CHUNK + 5_000_000
SIZES = (BIG, *(3_000_000 + number for number in range(10)))
D = sum(SIZES)
KILLS = 10  # of each seed
PRODUCT = product_of(images=[image_of(layers=[noise(size, size) for size in SIZES])])
VENDOR = Vendor()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One image: a layer of three chunks, ten that go in one piece."""
    return bundle_of(tmp_path_factory.mktemp("bundle") / "shop.tar.zst", VENDOR, PRODUCT)


def kill(child: Popen[str]) -> int:
    """Kill; the exit code, 0 if it had come to its end before."""
    child.kill()
    _, said = child.communicate()
    assert "Traceback" not in said
    return child.returncode


def uploaded(registry: RegistryServer) -> int:
    """Bytes of blobs and of uploads under way in the registry's storage."""
    total = 0
    for folder, _, names in os.walk(registry.folder / "data"):  # passes over what vanishes
        if "data" in names:
            with suppress(FileNotFoundError):
                total += Path(folder, "data").stat().st_size
    return total


def await_progress(child: Popen[str], registry: RegistryServer, moments: random.Random) -> None:
    """Wait for a random moment: while it starts and looks around, or so many bytes later."""
    if moments.random() < 0.3:
        time.sleep(moments.uniform(0, 0.5))
        return
    wanted = uploaded(registry) + moments.randrange(D // 5)
    while child.poll() is None and uploaded(registry) < wanted:
        time.sleep(0.002)


class Watched:
    """Looks into a registry's storage: whatever can be pulled is whole and right."""

    def __init__(self, registry: RegistryServer) -> None:
        self._registry = registry
        self._blobs = registry.folder / "data/docker/registry/v2/blobs/sha256"
        self._good: set[str] = set()

    def names(self) -> set[str]:
        """The digests of its blobs; each of them is hashed once."""
        for path in self._blobs.glob("*/*/data"):
            name = f"sha256:{path.parent.name}"
            if name not in self._good:
                assert digest(path.read_bytes()) == name
                self._good.add(name)
        return self._good

    def expect_whole(self) -> None:
        """No manifest can be pulled, by tag or by digest, unless all that it names is there."""
        tagged = set(tags(self._registry).values())
        known = (Path(name).parts for name in stored(self._registry))
        revisions = {f"sha256:{parts[-2]}" for parts in known if "revisions" in parts}
        held = self.names()  # last: the registry may still be at what the killed load asked for
        assert tagged <= revisions
        assert held <= set(PRODUCT.contents)
        for name in revisions:
            data = (self._blobs / name[7:9] / name[7:] / "data").read_bytes()
            found = manifests.parse(data, OCI_MANIFEST)
            assert isinstance(found, Manifest)
            assert {found.config.digest, *(one.digest for one in found.layers)} <= held


def finished(customer: Customer, bundle: Path, watched: Watched, product: Product) -> None:
    """Load to the end; once more, and nothing is sent."""
    done = customer.run("load", bundle)
    assert done.code == 0, done.stderr
    watched.expect_whole()
    assert watched.names() == set(product.contents)
    again = customer.run("load", bundle, "--output", "json")
    assert again.answer["nothing_sent"]
    assert list((customer.folder / "state" / "uploads").iterdir()) == []
    assert customer.run("history", "--verify").code == 0


@pytest.mark.parametrize(
    ("edition", "seed"), [(NEW, 0), (NEW, 1), (NEW, 2), (OLD, 3)], indirect=["edition"]
)
def test_killed_at_random_moments(
    bundle: Path, tmp_path: Path, start_registry: Callable[..., RegistryServer], seed: int
) -> None:
    moments = random.Random(seed)  # noqa: S311 - seeded on purpose
    killed, number = 0, 0
    while killed < KILLS:  # until so many kills have come, over as many registries as it takes
        number += 1
        registry = start_registry()
        watched = Watched(registry)
        with Relay(registry.address, rate=250e6) as relay:
            customer = customer_of(tmp_path / f"c{number}", relay.address, VENDOR)
            while killed < KILLS:
                child = customer.start("load", bundle)
                await_progress(child, registry, moments)
                ended = kill(child) == 0
                watched.expect_whole()
                if ended:
                    break
                killed += 1
            finished(customer, bundle, watched, PRODUCT)
        registry.stop()


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_killed_inside_a_blob_it_sends_the_rest(
    bundle: Path, tmp_path: Path, start_registry: Callable[..., RegistryServer], edition: str
) -> None:
    """The old edition may have to be sent that blob from its first byte on, and no other one."""
    registry = start_registry()
    with Relay(registry.address, rate=300e6) as relay:
        customer = customer_of(tmp_path / "c", relay.address, VENDOR)
        child = customer.start("load", bundle)
        while child.poll() is None:
            noted = list((customer.folder / "state").glob("uploads/*"))
            if noted and noted[0].stat().st_size:
                break
            time.sleep(0.002)
        assert kill(child) != 0
        before = relay.up
        finished(customer, bundle, Watched(registry), PRODUCT)
        spared = CHUNK if edition == NEW else 0
        assert relay.up - before <= D - spared + 1_000_000


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_a_connection_that_is_cut_inside_a_blob(
    bundle: Path, tmp_path: Path, start_registry: Callable[..., RegistryServer]
) -> None:
    registry = start_registry()
    with Relay(registry.address) as relay:
        customer = customer_of(tmp_path / "c", relay.address, VENDOR)
        relay.cut_in(D * 3 // 4)
        finished(customer, bundle, Watched(registry), PRODUCT)
        assert relay.up <= D + BIG
