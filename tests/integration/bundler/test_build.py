"""`build`: what it refuses, and that it leaves nothing behind that looks like a bundle."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_bundler import locking, release, spec_file
from airferry_fixtures.commands import Ran, bundler
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.shop import make_shop
from airferry_fixtures.signers import new_key
from airferry_fixtures.vendor import Vendor, make_vendor
from airferry_foundation import documents

pytestmark = pytest.mark.program("helm")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, registry: RegistryServer) -> Vendor:
    """The shop, locked and released, not signed."""
    folder = tmp_path_factory.mktemp("vendor") / "shop"
    path = make_shop(folder, registry.address)
    vendor = make_vendor(folder)
    locking.make(spec_file.read(path)).write()
    release.make(spec_file.read(path))
    return vendor


@pytest.fixture
def vendor(released: Vendor, tmp_path: Path) -> Vendor:
    """A copy of its own for each test."""
    folder = tmp_path / "shop"
    shutil.copytree(released.folder, folder)
    return Vendor(folder, released.root, released.releases)


def build(vendor: Vendor, *more: str | Path, environment: dict[str, str] | None = None) -> Ran:
    out = vendor.folder / "out.tar.zst"
    return bundler("build", "-f", vendor.folder, "-o", out, *more, environment=environment)


def refused(ran: Ran, vendor: Vendor, code: int, *words: str) -> None:
    assert ran.code == code, ran.stderr
    assert "Traceback" not in ran.stderr
    for word in words:
        assert word in ran.stderr
    assert not (vendor.folder / "out.tar.zst").exists()


def test_signed_by_enough(vendor: Vendor) -> None:
    vendor.sign_release()
    ran = build(vendor)
    assert ran.code == 0, ran.stderr
    assert not list(vendor.folder.glob("*.partial*"))


def test_signed_by_too_few(vendor: Vendor) -> None:
    refused(build(vendor), vendor, 23, "0 of the 2 release keys", "airferry-bundler sign")
    vendor.sign("release.json", vendor.releases[0])
    refused(build(vendor), vendor, 23, "1 of the 2 release keys")
    assert not list(vendor.folder.glob("*.partial*"))


def test_signed_twice_by_one_key_and_by_a_stranger(vendor: Vendor) -> None:
    vendor.sign("release.json", vendor.releases[0], vendor.releases[0], new_key())
    refused(build(vendor), vendor, 23, "1 of the 2", "again by the same key")


def test_a_signature_of_other_bytes(vendor: Vendor) -> None:
    vendor.sign_release()
    other = vendor.releases[0].sign(b"something else")
    (vendor.folder / "release.json.1.sigstore.json").write_bytes(other)
    refused(build(vendor), vendor, 22, "release.json, signature 1")


def test_no_roots(vendor: Vendor) -> None:
    shutil.rmtree(vendor.folder / "roots")
    ran = build(vendor)
    refused(ran, vendor, 10, "roots", "keys root init")


def test_a_root_that_nobody_signed(vendor: Vendor) -> None:
    """Root 1 is pinned by its fingerprint; a second one must be signed by both thresholds."""
    vendor.sign_release()
    first = (vendor.folder / "roots" / "1.json").read_bytes()
    second = first.replace(b'"number":1', b'"number":2')
    (vendor.folder / "roots" / "2.json").write_bytes(second)
    refused(build(vendor), vendor, 24, "root 2", "0 of the 1 root keys")


def test_roots_of_another_product(vendor: Vendor) -> None:
    shutil.rmtree(vendor.folder / "roots")
    other = make_vendor(vendor.folder, product="other")
    other.sign_release()
    refused(build(vendor), vendor, 24, "product 'shop'", "'other'")


def test_roots_of_another_epoch(vendor: Vendor) -> None:
    shutil.rmtree(vendor.folder / "roots")
    make_vendor(vendor.folder, epoch=2).sign_release()
    refused(build(vendor), vendor, 24, "epoch 1", "has 2")


def test_release_json_that_does_not_follow_from_the_lock(vendor: Vendor) -> None:
    path = vendor.folder / "release.json"
    path.write_bytes(path.read_bytes().replace(b'"acme"', b'"evil"'))
    vendor.sign_release()
    refused(build(vendor), vendor, 10, "is not the release of airferry.lock")


def test_no_release_json(vendor: Vendor) -> None:
    (vendor.folder / "release.json").unlink()
    refused(build(vendor), vendor, 13, "airferry-bundler release")


def test_a_stale_lock(vendor: Vendor) -> None:
    vendor.sign_release()
    (vendor.folder / "values" / "base.yaml").write_text("other: 1\n", "utf-8")
    refused(build(vendor), vendor, 15, "values/base.yaml")


def test_a_channel_statement_goes_along_if_it_is_signed(vendor: Vendor) -> None:
    vendor.sign_release()
    statement = {
        "schema": "airferry.channel/v1", "product": "shop", "epoch": 1, "sequence": 1,
        "newest_counter": 14, "newest_version": "1.4.0", "security_floor": 0,
        "issued_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    (vendor.folder / "channel.json").write_bytes(documents.encode(statement))
    refused(build(vendor), vendor, 23, "channel.json is signed by 0 of the 1 channel keys")


def test_no_cosign(vendor: Vendor, tmp_path: Path) -> None:
    bare = {"PATH": "/nowhere", "AIRFERRY_CACHE": str(tmp_path / "empty"), "COSIGN_PASSWORD": ""}
    ran = build(vendor, "--keys", vendor.folder, environment=bare)
    refused(ran, vendor, 61, "cosign 3.0.4 or newer is needed", "none was found on PATH")
    signing = bundler("sign", vendor.folder / "release.json", "--key", "k.key", environment=bare)
    assert signing.code == 61


def test_without_cosign_the_python_verifier_is_enough_to_build(
    vendor: Vendor, tmp_path: Path
) -> None:
    vendor.sign_release()
    bare = {"PATH": "/nowhere", "AIRFERRY_CACHE": str(tmp_path / "empty")}
    assert build(vendor, environment=bare).code == 0


@pytest.mark.program("cosign")
def test_a_folder_without_a_fitting_key(vendor: Vendor) -> None:
    ran = build(vendor, "--keys", vendor.folder, environment={"COSIGN_PASSWORD": ""})
    refused(ran, vendor, 13, "has no key that root 1 lists for releases")


def test_an_output_of_another_kind(vendor: Vendor) -> None:
    vendor.sign_release()
    for out in ("out.zip", "none/such/folder"):
        ran = bundler("build", "-f", vendor.folder, "-o", vendor.folder / out)
        assert ran.code == 10
        assert ".tar.zst" in ran.stderr
    ran = bundler("build", "-f", vendor.folder, "-o", vendor.folder / "none" / "a.tar.zst")
    assert ran.code == 13


def test_the_registry_went_away(
    tmp_path: Path, start_registry: Callable[..., RegistryServer]
) -> None:
    server = start_registry()
    folder = tmp_path / "shop"
    path = make_shop(folder, server.address)
    vendor = make_vendor(folder)
    locking.make(spec_file.read(path)).write()
    release.make(spec_file.read(path))
    vendor.sign_release()
    server.stop()
    refused(build(vendor), vendor, 31, server.address, "connection refused")


def test_a_medium_that_holds_no_such_file(vendor: Vendor) -> None:
    """The kernel refuses to let any file grow above 200 kB, as FAT32 does at 4 GiB."""
    vendor.sign_release()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        ran = build(vendor)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    refused(ran, vendor, 55, "at most 200,000 bytes", "split FILE --size fat32")
    assert build(vendor).code == 0
