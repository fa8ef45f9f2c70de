"""verify.pyz: a second, separate reader of the format, on a host that has nothing of ours."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_archive.reader import BundleReader
from airferry_fixtures import signers
from airferry_fixtures.one_file_verifier import TOOLS, Check, build
from airferry_fixtures.servers.programs import program
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    blob_of,
    bundle_of,
    forged,
    header_of,
    image_of,
    noise,
    pieces,
    product_of,
    small_product,
    write_bundle,
)
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import AirferryError
from airferry_signing import roots

SOURCES = sorted((TOOLS / "airferry_verify").glob("*.py"))
VENDOR = Vendor()

pytestmark = pytest.mark.program("openssl")


@pytest.fixture
def check(pyz: Path, tmp_path: Path) -> Check:
    return Check(pyz, tmp_path, VENDOR)


# --- the file itself ------------------------------------------------------------------------------


def test_it_is_the_same_from_the_same_source(pyz: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "again.pyz")
    assert again.read_bytes() == pyz.read_bytes()
    assert os.access(again, os.X_OK)
    assert again.read_bytes().startswith(b"#!/usr/bin/env python3\n")


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_its_source_is_python_3_9_and_the_standard_library_alone(source: Path) -> None:
    tree = ast.parse(source.read_text("utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names.append(node.module or "")
        assert not isinstance(node, ast.Match)
        for name in names:
            assert name.partition(".")[0] in sys.stdlib_module_names
        if isinstance(node, ast.Call):
            assert not {word.arg for word in node.keywords} & {"slots", "kw_only", "strict"}


@pytest.mark.program("python3.9", "zstd")
def test_python_3_9_itself_runs_it(check: Check, tmp_path: Path) -> None:
    check.python = str(program("python3.9"))
    asked = [check.python, "-I", "-c", "import sys; print(sys.version_info[:2])"]
    assert subprocess.run(asked, check=True, capture_output=True).stdout == b"(3, 9)\n"
    bundle = bundle_of(tmp_path / "b", VENDOR, channel=channel_of())
    done = check.run(bundle)
    assert done.returncode == 0, done.stderr
    assert "VERIFIED" in done.stdout
    check.refused(forged(bundle, bundle.stat().st_size // 2, b"other"))
    check.refused(bundle_of(tmp_path / "unsigned", VENDOR, keys=[]), "of the 2 release keys")


# --- good bundles ---------------------------------------------------------------------------------


@pytest.mark.program("zstd")
def test_a_good_bundle(check: Check, tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path / "b", VENDOR, channel=channel_of())
    done = check.run(bundle)
    assert done.returncode == 0, done.stderr
    for word in ("shop 1.1.0", "VERIFIED", "signed by 2 keys of root 1", "channel statement of"):
        assert word in done.stdout
    assert f"all {bundle.stat().st_size} bytes are accounted for" in done.stdout
    assert {*tmp_path.iterdir()} == {bundle, check.root}


@pytest.mark.program("zstd")
def test_a_delta_and_an_empty_release(check: Check, tmp_path: Path) -> None:
    product = small_product()
    delta = bundle_of(tmp_path / "d", VENDOR, product, carried=list(product.contents)[:2])
    done = check.run(delta)
    assert done.returncode == 0, done.stderr
    assert "delta: 2 blobs" in done.stdout
    assert check.run(bundle_of(tmp_path / "e", VENDOR, product_of())).returncode == 0


@pytest.mark.program("zstd")
def test_blobs_of_several_frames(check: Check, tmp_path: Path) -> None:
    product = product_of(
        blobs=[
            blob_of(noise(70 << 20), GZIP_LAYER),
            blob_of(b"a long line of text\n" * (4 << 20), TAR_LAYER),
        ]
    )
    bundle = bundle_of(tmp_path / "b", VENDOR, product)
    assert check.run(bundle).returncode == 0
    assert check.run(forged(bundle, 60 << 20, b"other")).returncode == 1


def test_without_zstd_it_says_what_was_left_unchecked(check: Check, tmp_path: Path) -> None:
    only_openssl = tmp_path / "bin"
    only_openssl.mkdir()
    (only_openssl / "openssl").symlink_to(shutil.which("openssl") or "")
    text = b"tar " * 700
    bundle = bundle_of(tmp_path / "b", VENDOR)
    done = check.run(bundle, path=str(only_openssl))
    assert done.returncode == 3, done.stderr
    assert "LEFT UNCHECKED" in done.stdout
    assert digest(text) in done.stdout
    assert "VERIFIED" not in done.stdout
    raw = product_of(blobs=[blob_of(b"x", GZIP_LAYER)])
    done = check.run(bundle_of(tmp_path / "raw", VENDOR, raw), path=str(only_openssl))
    assert (done.returncode, "VERIFIED" in done.stdout) == (0, True)


def test_without_openssl_it_says_nothing_about_the_bundle(check: Check, tmp_path: Path) -> None:
    done = check.run(bundle_of(tmp_path / "b", VENDOR), path=str(tmp_path))
    assert done.returncode == 2
    assert "openssl is not on PATH" in done.stderr


@pytest.mark.program("zstd")
def test_roots_that_follow_the_pinned_one(pyz: Path, tmp_path: Path) -> None:
    vendor = Vendor()
    vendor.rotate((signers.new_key(), signers.new_key()))
    vendor.rotate(vendor.keys, epoch=2)
    product = product_of(images=[image_of()], epoch=2)
    bundle = bundle_of(tmp_path / "b", vendor, product)
    for number in (1, 2, 3):
        done = Check(pyz, tmp_path, vendor, number).run(bundle)
        assert done.returncode == 0, done.stderr
        assert "of root 3" in done.stdout


# --- bad bundles ----------------------------------------------------------------------------------


def test_another_root_or_fingerprint(check: Check, tmp_path: Path) -> None:
    check.refused(bundle_of(tmp_path / "b", Vendor()), "forked")
    bundle = bundle_of(tmp_path / "b2", VENDOR)
    check.fingerprint = digest(b"other")
    check.refused(bundle, "has the fingerprint")
    check.fingerprint = "1234"
    assert check.run(bundle).returncode == 2


def test_too_few_signatures_one_key_twice_and_strangers(check: Check, tmp_path: Path) -> None:
    one = VENDOR.keys[0]
    for number, keys in enumerate(([], [one], [one, one], [one, signers.new_key()])):
        bundle = bundle_of(tmp_path / f"b{number}", VENDOR, keys=keys)
        check.refused(bundle, "of the 2 release keys")


def test_a_signature_of_another_file(check: Check, tmp_path: Path) -> None:
    header = header_of(VENDOR, product := small_product())
    other = tuple(key.sign(b"another file") for key in VENDOR.keys)
    changed = type(header)(**{**_fields(header), "signatures": other})
    bundle = write_bundle(tmp_path / "b", changed, product.contents)
    check.refused(bundle, "signature of another file")


def _fields(header: object) -> dict[str, object]:
    names = ("release", "signatures", "roots", "channel", "carriage", "readme", "oci_layout")
    return {name: getattr(header, name) for name in (*names, "index")}


@pytest.mark.parametrize("value", [b"\x05" * 64, bytes.fromhex("3006020100020105"), b"0"])
def test_a_malformed_signature_beside_enough_good_ones(
    check: Check, tmp_path: Path, value: bytes
) -> None:
    header = header_of(VENDOR, product := small_product())
    several = (*header.signatures, signers.bundle(header.release, value))
    changed = type(header)(**{**_fields(header), "signatures": several})
    bundle = write_bundle(tmp_path / "b", changed, product.contents)
    check.refused(bundle, "no ECDSA signature on P-256 in DER")


def test_a_gap_in_the_roots(pyz: Path, tmp_path: Path) -> None:
    vendor = Vendor()
    for _ in range(2):
        vendor.rotate(vendor.keys)
    check = Check(pyz, tmp_path, vendor)
    del vendor.roots[2]
    check.refused(bundle_of(tmp_path / "b", vendor), "root 2 is missing")


def test_a_root_that_the_old_keys_did_not_sign(pyz: Path, tmp_path: Path) -> None:
    vendor = Vendor()
    check = Check(pyz, tmp_path, vendor)
    thief = Vendor()
    thief.rotate(thief.keys)
    vendor.roots[2], vendor.keys = thief.roots[2], thief.keys
    check.refused(bundle_of(tmp_path / "b", vendor), "root 2 is signed by 0 of the 2 root keys")


def test_revoked_and_below_the_floor(check: Check, tmp_path: Path) -> None:
    product = small_product()
    revoked = channel_of(revoked=(documents.digest_of(product.release),))
    check.refused(bundle_of(tmp_path / "b", VENDOR, product, channel=revoked), "revoked")
    floor = channel_of(security_floor=2)
    check.refused(bundle_of(tmp_path / "c", VENDOR, product, channel=floor), "floor")


def test_members_and_frames_put_together_in_another_way(check: Check, tmp_path: Path) -> None:
    """Each part is sound; what is odd is where it stands."""
    parts = pieces(bundle_of(tmp_path / "b", VENDOR))
    skippable = bytes.fromhex("502a4d18") + (4).to_bytes(4, "little") + b"hide"
    last = len(parts) - 1
    for number, changed in enumerate(
        (
            parts[:-1],
            [*parts, parts[-1]],
            [*parts, b"\0"],
            [*parts[:last], skippable, parts[last]],
            [*parts[: last - 2], parts[last - 1], parts[last - 2], parts[last]],
            [*parts[:2], *parts[3:]],
            [*parts[:2], parts[2], *parts[2:]],
            [],
        )
    ):
        path = tmp_path / f"odd{number}"
        path.write_bytes(b"".join(changed))
        check.refused(path)


def test_what_is_no_bundle(check: Check, tmp_path: Path) -> None:
    for content in (b"", b"hello", bytes(5000), b"\x28\xb5\x2f\xfd" * 1000):
        (tmp_path / "b").write_bytes(content)
        check.refused(tmp_path / "b")
    assert check.run(tmp_path / "gone").returncode == 2


# --- against our own reader -----------------------------------------------------------------------


def ours(bundle: Path, vendor: Vendor) -> bool:
    """Whether our own reader and signature checks accept."""
    try:
        with BundleReader.open(bundle) as reader:
            first = vendor.roots[1]
            chain = roots.extend(
                roots.pin(first, digest(first.document)), reader.header.roots, cosign=None
            )
            signed = reader.header.signed_release
            roots.accept(signed, "release", chain.newest, name="release", cosign=None)
            for one in reader.bind(reader.release()).members:
                for _ in reader.stream(one):
                    pass
            reader._expect_end()
    except AirferryError:
        return False
    return True


@pytest.mark.program("zstd")
def test_both_readers_agree_about_every_change(
    main: Callable[[list[str]], int], pyz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flipped byte or a cut, every few bytes: none is accepted by either."""
    vendor = Vendor(keys=(signers.new_key(),))
    bundle = bundle_of(tmp_path / "b", vendor)
    words = Check(pyz, tmp_path, vendor).words(bundle)
    whole = bundle.read_bytes()
    assert (main(words), ours(bundle, vendor)) == (0, True)
    for at in range(0, len(whole), 23):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        bundle.write_bytes(changed)
        assert (main(words), ours(bundle, vendor)) == (1, False), at
    for size in range(0, len(whole), 97):
        bundle.write_bytes(whole[:size])
        assert (main(words), ours(bundle, vendor)) == (1, False), size
    capsys.readouterr()
