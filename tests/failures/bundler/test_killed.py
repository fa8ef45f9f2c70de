"""A build that is killed goes on where it was, and ends with the same bytes."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from airferry_archive.reader import BundleReader
from airferry_bundler import locking, release, spec_file
from airferry_fixtures.commands import bundler, command
from airferry_fixtures.images import LAYER, Blob, Layer, image, push_image
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.vendor import Vendor, make_vendor
from airferry_foundation.digests import digest
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

SPEC = """\
product: shop
version: 1.0.0
counter: 1
audience: {customers: any, environments: any}
platforms: [linux/amd64]
images: ["ADDRESS/big/app:1"]
registries: {"ADDRESS": {plain_http: true}}
"""
LAYERS, SIZE = 6, 32 << 20


def big_layer(number: int) -> Layer:
    """Bytes that nothing compresses; the last two say that they are not compressed yet."""
    data = random.Random(number).randbytes(SIZE)  # noqa: S311 - the same bytes each time
    kind = LAYER if number >= LAYERS - 2 else f"{LAYER}+gzip"
    return Layer(Blob(data, kind), digest(data))


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory, registry: RegistryServer) -> Vendor:
    """A product of one big image, ready to be built."""
    client = RegistryClient(RegistrySettings(registry.address, plain_http=True))
    push_image(client, "big/app", "1", image(big_layer(number) for number in range(LAYERS)))
    folder = tmp_path_factory.mktemp("vendor")
    path = folder / "airferry.yaml"
    path.write_text(SPEC.replace("ADDRESS", registry.address), "utf-8")
    vendor = make_vendor(folder)
    locking.make(spec_file.read(path)).write()
    release.make(spec_file.read(path))
    vendor.sign_release()
    return vendor


@pytest.fixture(scope="module")
def whole(vendor: Vendor) -> bytes:
    """What an undisturbed build gives."""
    out = vendor.folder / "whole.tar.zst"
    ran = bundler("build", "-f", vendor.folder, "-o", out)
    assert ran.code == 0, ran.stderr
    return out.read_bytes()


def named(journal: Path) -> int:
    """How many blobs a journal names; -1 before it is there, and once the build is done."""
    try:
        return journal.read_bytes().count(b"\nsha256:")
    except FileNotFoundError:
        return -1


def disturbed(vendor: Vendor, out: Path, kind: signal.Signals, blobs: int) -> int:
    """Start a build, signal it once its journal names `blobs` blobs; its exit code."""
    words = command("airferry-bundler", "build", "-f", vendor.folder, "-o", out)
    journal = out.with_name(out.name + ".partial.journal")
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        while child.poll() is None:
            if named(journal) >= blobs:
                child.send_signal(kind)
                break
            time.sleep(0.002)
        _, complaint = child.communicate()
    assert b"Traceback" not in complaint
    return child.returncode


@pytest.mark.parametrize("blobs", [0, 3, 6])
def test_killed_and_called_again(vendor: Vendor, whole: bytes, tmp_path: Path, blobs: int) -> None:
    out = tmp_path / "out.tar.zst"
    assert disturbed(vendor, out, signal.SIGKILL, blobs) == -signal.SIGKILL
    assert not out.exists()
    ran = bundler("build", "-f", vendor.folder, "-o", out)
    assert ran.code == 0, ran.stderr
    assert out.read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.tar.zst"]


def test_killed_again_and_again(vendor: Vendor, whole: bytes, tmp_path: Path) -> None:
    out = tmp_path / "out.tar.zst"
    for blobs in range(1, 12):
        if disturbed(vendor, out, signal.SIGKILL, blobs) == 0:
            break
    else:
        assert bundler("build", "-f", vendor.folder, "-o", out).code == 0
    assert out.read_bytes() == whole


def test_interrupted_from_the_keyboard(vendor: Vendor, whole: bytes, tmp_path: Path) -> None:
    out = tmp_path / "out.tar.zst"
    assert disturbed(vendor, out, signal.SIGINT, 2) == 130
    assert not out.exists()
    assert bundler("build", "-f", vendor.folder, "-o", out).code == 0
    assert out.read_bytes() == whole


def test_bytes_that_rotted_in_the_partial_file_are_fetched_again(
    vendor: Vendor, whole: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "out.tar.zst"
    assert disturbed(vendor, out, signal.SIGKILL, 4) == -signal.SIGKILL
    partial = out.with_name(out.name + ".partial")
    rotten = bytearray(partial.read_bytes())
    for offset in range(len(rotten) // 7, len(rotten), len(rotten) // 5):
        rotten[offset] ^= 1
    partial.write_bytes(rotten)
    assert bundler("build", "-f", vendor.folder, "-o", out).code == 0
    assert out.read_bytes() == whole


def test_a_renamed_partial_file_is_no_bundle(vendor: Vendor, tmp_path: Path) -> None:
    out = tmp_path / "out.tar.zst"
    assert disturbed(vendor, out, signal.SIGKILL, 4) == -signal.SIGKILL
    shutil.move(out.with_name(out.name + ".partial"), out)
    ran = bundler("inspect", out)
    assert ran.code in {21, 52}
    assert "Traceback" not in ran.stderr


def test_the_whole_file_is_accounted_for(vendor: Vendor, whole: bytes) -> None:
    with BundleReader.open(vendor.folder / "whole.tar.zst") as reader:
        reader.bind(reader.release())
        assert reader.verify().file_bytes == len(whole)


def test_the_registry_keeps_a_damaged_blob(
    vendor: Vendor, registry: RegistryServer, tmp_path: Path
) -> None:
    """Last in this file: it damages the registry's storage."""
    name = digest(big_layer(0).blob.data)[7:]
    stored = registry.folder / "data/docker/registry/v2/blobs/sha256" / name[:2] / name / "data"
    data = bytearray(stored.read_bytes())
    data[1000] ^= 1
    stored.write_bytes(data)
    out = tmp_path / "out.tar.zst"
    ran = bundler("build", "-f", vendor.folder, "-o", out)
    assert ran.code == 34, ran.stderr
    assert name in ran.stderr
    assert not out.exists()
    data[1000] ^= 1
    stored.write_bytes(data)
    assert bundler("build", "-f", vendor.folder, "-o", out).code == 0
