"""publish and fetch, killed at random moments: the same command ends as if nothing had been."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from airferry_fixtures import images
from airferry_fixtures.commands import command
from airferry_fixtures.product_folder import ProductFolder, product_folder
from airferry_fixtures.registry_content import tags
from airferry_fixtures.servers.faulty import FaultyServer, Reply, Request, Script
from airferry_fixtures.servers.front import forward
from airferry_fixtures.servers.registry import RegistryServer
from airferry_foundation.digests import digest
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("registry")

Start = Callable[..., RegistryServer]
KILLS = 6


@pytest.fixture
def slow() -> Iterator[Callable[[RegistryServer], FaultyServer]]:
    """A front that takes its time, so that there is a middle to be killed in."""
    with ExitStack() as stack:

        def start(registry: RegistryServer) -> FaultyServer:
            script: Script = forward(registry)

            def late(request: Request) -> Reply:
                time.sleep(0.05)
                return script(request)

            return stack.enter_context(FaultyServer(late))

        yield start


def made(folder: Path, ours: RegistryServer, *others: str) -> ProductFolder:
    client = RegistryClient(RegistrySettings(ours.address, plain_http=True))
    names = [f"shop/{number}" for number in range(4)]
    for name in names:
        images.push_image(client, name, "1", images.tiny(name.encode()))
    reached = dict.fromkeys((ours.address, *others), "plain_http: true")
    product = product_folder(
        folder, [f"{ours.address}/{one}:1" for one in names], registries=reached
    )
    product.release()
    return product


def killed(words: list[str], environment: dict[str, str], seed: int) -> int:
    """Run a command KILLS times, killed after a while; then to its end. How often it was killed."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    hits = 0
    for _ in range(KILLS):
        with subprocess.Popen(
            words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as running:
            with suppress(subprocess.TimeoutExpired):
                running.wait(chance.uniform(0.6, 2.0))
            hits += running.poll() is None
            running.kill()
    done = subprocess.run(
        words, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0 or "exists already" in done.stderr, done.stderr
    return hits


def test_publish(
    tmp_path: Path, start_registry: Start, slow: Callable[[RegistryServer], FaultyServer]
) -> None:
    ours, theirs = start_registry(), start_registry()
    server = slow(theirs)
    product = made(tmp_path / "v", ours, server.address, theirs.address)
    target = f"oci://{server.address}/out/shop"
    words = command("airferry-bundler", "publish", target, "-f", product.folder)
    assert killed(words, dict(os.environ), 1) > 0
    clean = f"oci://{theirs.address}/out/clean"
    subprocess.run(
        command("airferry-bundler", "publish", clean, "-f", product.folder),
        check=True,
        capture_output=True,
    )
    found = tags(theirs)
    assert found["out/shop:1.4.0"] == found["out/clean:1.4.0"]
    of = {name.partition(":")[2]: value for name, value in found.items() if "shop:" in name}
    assert of == {n.partition(":")[2]: v for n, v in found.items() if "clean:" in n}


@pytest.mark.parametrize("into_registry", [False, True])
def test_fetch(
    tmp_path: Path,
    start_registry: Start,
    slow: Callable[[RegistryServer], FaultyServer],
    into_registry: bool,
) -> None:
    ours, theirs = start_registry(), start_registry()
    product = made(tmp_path / "v", ours)
    subprocess.run(
        command("airferry-bundler", "publish", f"oci://{ours.address}/out", "-f", product.folder),
        check=True,
        capture_output=True,
    )
    server = slow(ours)
    reached = f'registries:\n  "{server.address}": {{plain_http: true}}\n'
    customer = product.customer(tmp_path / "c", theirs.address, more=reached)
    out = tmp_path / "got.tar.zst"
    how = ("--into-registry",) if into_registry else ("-o", str(out))
    words = customer.words("fetch", f"oci://{server.address}/out", *how)
    assert killed(words, customer.variables(), 2) > 0
    bundle = product.build()
    if into_registry:
        loaded = customer.run("load", bundle, "--deep", "--output", "json")
        assert loaded.code == 0, loaded.stderr
        assert loaded.answer["nothing_sent"] is True
    else:
        assert digest(out.read_bytes()) == digest(bundle.read_bytes())
    assert customer.run("history").code == 0
