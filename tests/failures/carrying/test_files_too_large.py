"""A medium that can't hold so large a file (FAT32 and 4 GiB): told as that, never as "full".

The kernel's own refusal, EFBIG, comes from a limit on the process: RLIMIT_FSIZE.
"""

from __future__ import annotations

import random
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_archive import splitting
from airferry_fixtures import images
from airferry_fixtures.commands import Ran, bundler
from airferry_fixtures.product_folder import ProductFolder, product_folder
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.simulator import TAR_LAYER, blob_of, bundle_of, noise, product_of
from airferry_fixtures.statements import Vendor
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

LIMIT = 300_000
_LIMITED = (
    "import os, resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))\n"
    "os.execv(sys.argv[2], sys.argv[2:])\n"
)
PREFIX = [sys.executable, "-c", _LIMITED, str(LIMIT)]
BLOBS = [blob_of(noise(200_000, n), TAR_LAYER) for n in range(4)]

pytestmark = pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY,
    reason="files are limited here already",
)


def told(ran: Ran, file: Path) -> None:
    """Which file, the limit, and what to do: no word about space."""
    assert ran.code == 55, ran.stderr
    assert str(file) in ran.stderr
    assert f"at most {LIMIT:,} bytes" in ran.stderr
    assert "next:" in ran.stderr
    assert "split FILE --size fat32" in ran.stderr
    for word in ("space", "Traceback"):
        assert word not in ran.stderr
    assert not file.exists()


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return bundle_of(tmp_path / "shop.tar.zst", Vendor(), product_of(blobs=BLOBS))


def test_join(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    assert len(splitting.split(bundle, tmp_path / "stick", 290_000)) > 1
    out = tmp_path / "joined.tar.zst"
    told(bundler("join", tmp_path / "stick", "-o", out, prefix=PREFIX), out)
    again = bundler("join", tmp_path / "stick", "-o", out)
    assert again.code == 0, again.stderr
    assert out.read_bytes() == bundle.read_bytes()


def test_split_to(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    words = ("split", bundle, "--size", "fat32", "--to", tmp_path / "stick")
    told(bundler(*words, prefix=PREFIX), tmp_path / "stick" / "shop.tar.zst.001")
    assert bundler(*words).code == 0


@pytest.fixture
def server(start_registry: Callable[..., RegistryServer]) -> RegistryServer:
    return start_registry()


@pytest.fixture
def product(tmp_path: Path, server: RegistryServer) -> ProductFolder:
    """One with a file of some 400 kB when compressed: its length is not known before."""
    client = RegistryClient(RegistrySettings(server.address, plain_http=True))
    images.push_image(client, "shop/web", "1", images.tiny(b"web"))
    made = product_folder(
        tmp_path / "vendor",
        [f"{server.address}/shop/web:1"],
        registries={server.address: "plain_http: true"},
        files={"docs/numbers.txt": random.Random(1).randbytes(400_000).hex()},  # noqa: S311 - noise
    )
    made.release()
    return made


@pytest.mark.program("registry")
def test_build(product: ProductFolder) -> None:
    out = product.folder / "out.tar.zst"
    words = ("build", "-f", product.folder, "-o", out)
    told(bundler(*words, prefix=PREFIX), out)
    assert bundler(*words).code == 0


@pytest.mark.program("registry")
def test_fetch(product: ProductFolder, server: RegistryServer, tmp_path: Path) -> None:
    target = f"oci://{server.address}/out/shop"
    assert bundler("publish", target, "-f", product.folder).code == 0
    reached = f'registries:\n  "{server.address}": {{plain_http: true}}\n'
    customer = product.customer(tmp_path / "customer", server.address, more=reached)
    out = tmp_path / "shop.tar.zst"
    told(customer.run("fetch", f"{target}:1.4.0", "-o", out, prefix=PREFIX), out)
    again = customer.run("fetch", f"{target}:1.4.0", "-o", out)
    assert again.code == 0, again.stderr
