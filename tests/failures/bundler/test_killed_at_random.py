"""`build` killed at 30 seeded moments, cut inside a blob: the same bytes, and no more work."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from airferry_archive import frames
from airferry_archive.journal import journal_path, partial_path
from airferry_bundler import locking, release, spec_file
from airferry_fixtures.commands import bundler, command
from airferry_fixtures.images import LAYER, Blob, Layer, image, push_image
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.servers.relay import Relay
from airferry_fixtures.vendor import Vendor, make_vendor
from airferry_foundation.digests import digest
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("registry")

SPEC = """\
product: shop
version: 1.0.0
counter: 1
audience: {customers: any, environments: any}
platforms: [linux/amd64]
images: [{ref: "ADDRESS/random/app:1", name: "shop/app:1"}]
registries: {"ADDRESS": {plain_http: true}}
"""
BIG = 2 * frames.FRAME + 5_000_000
SIZES = (BIG, *(3_000_000 + number for number in range(10)))
KILLS = 10  # of each of three seeds


@pytest.fixture(scope="module")
def pushed(registry: RegistryServer) -> RegistryServer:
    """The vendor's registry with one image: a layer of three frames, ten small ones."""
    client = RegistryClient(RegistrySettings(registry.address, plain_http=True))
    noise = random.Random(1)  # noqa: S311 - the same bytes each time
    blobs = [Blob(noise.randbytes(size), f"{LAYER}+gzip") for size in SIZES]
    push_image(client, "random/app", "1", image(Layer(blob, digest(blob.data)) for blob in blobs))
    return registry


def vendor_behind(folder: Path, address: str) -> Vendor:
    """A product whose images are fetched from `address`, ready to be built."""
    folder.mkdir()
    (folder / "airferry.yaml").write_text(SPEC.replace("ADDRESS", address), "utf-8")
    vendor = make_vendor(folder)
    read = spec_file.read(folder)
    locking.make(read).write()
    release.make(read)
    vendor.sign_release()
    return vendor


def build(vendor: Vendor, out: Path) -> subprocess.Popen[bytes]:
    words = command("airferry-bundler", "build", "-f", vendor.folder, "-o", out)
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def built(vendor: Vendor, out: Path) -> None:
    ran = bundler("build", "-f", vendor.folder, "-o", out)
    assert ran.code == 0, ran.stderr


def kill(child: subprocess.Popen[bytes]) -> int:
    """Kill; the exit code, 0 if it had come to its end before."""
    child.kill()
    _, said = child.communicate()
    assert b"Traceback" not in said
    return child.returncode


def occupied(path: Path) -> int:
    return path.stat().st_blocks * 512 if path.exists() else 0


def await_progress(child: subprocess.Popen[bytes], out: Path, moments: random.Random) -> None:
    """Wait for a random moment: while it starts and looks around, or so many bytes later."""
    if moments.random() < 0.3:
        time.sleep(moments.uniform(0, 0.5))
        return
    wanted = occupied(partial_path(out)) + moments.randrange(sum(SIZES) // 5)
    while child.poll() is None and occupied(partial_path(out)) < wanted:
        time.sleep(0.001)


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments(pushed: RegistryServer, tmp_path: Path, seed: int) -> None:
    moments = random.Random(seed)  # noqa: S311 - seeded on purpose
    with Relay(pushed.address, rate=250e6) as relay:
        vendor = vendor_behind(tmp_path / "vendor", relay.address)
        whole = tmp_path / "whole.tar.zst"
        built(vendor, whole)
        out, killed = tmp_path / "out.tar.zst", 0
        while killed < KILLS:
            child = build(vendor, out)
            await_progress(child, out, moments)
            if kill(child) == 0:
                assert out.read_bytes() == whole.read_bytes()
                out.unlink()
            else:
                killed += 1
                assert not out.exists()
        built(vendor, out)
    assert out.read_bytes() == whole.read_bytes()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"vendor", "whole.tar.zst", "out.tar.zst"}


def test_killed_inside_a_blob_it_fetches_the_rest(pushed: RegistryServer, tmp_path: Path) -> None:
    with Relay(pushed.address, rate=300e6) as relay:
        vendor = vendor_behind(tmp_path / "vendor", relay.address)
        out = tmp_path / "out.tar.zst"
        child = build(vendor, out)
        journal = journal_path(out)
        while child.poll() is None:
            if journal.exists() and b" 1\n" in journal.read_bytes():  # a frame, of a blob of three
                break
            time.sleep(0.001)
        assert kill(child) != 0
        before = relay.down
        built(vendor, out)
        assert relay.down - before <= sum(SIZES) - frames.FRAME + 1_000_000
    ran = bundler("inspect", out)
    assert ran.code == 0, ran.stderr


def test_a_connection_that_is_cut_inside_a_blob(pushed: RegistryServer, tmp_path: Path) -> None:
    with Relay(pushed.address) as relay:
        vendor = vendor_behind(tmp_path / "vendor", relay.address)
        whole, out = tmp_path / "whole.tar.zst", tmp_path / "out.tar.zst"
        built(vendor, whole)
        before = relay.down
        relay.cut_in(BIG // 2)
        built(vendor, out)
        assert relay.down - before <= sum(SIZES) + frames.FRAME  # what was under way, no more
    assert out.read_bytes() == whole.read_bytes()
