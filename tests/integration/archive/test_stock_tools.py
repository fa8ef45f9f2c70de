"""Anyone can open a bundle with tools that they have already."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    Product,
    blob_of,
    bundle_of,
    image_of,
    noise,
    product_of,
    read_everything,
)
from airferry_fixtures.statements import Vendor, channel_of

VENDOR = Vendor()
BASH = "/bin/bash"


@pytest.fixture(scope="module")
def product() -> Product:
    """Members of one frame and of several, of both codings."""
    return product_of(
        images=[image_of("docker.io/acme/web:1.0", layers=[b"one", b"two"])],
        blobs=[
            blob_of(noise(1 << 20) * 70, GZIP_LAYER),
            blob_of(bytes(130 << 20), TAR_LAYER),
            blob_of(noise(300_000), TAR_LAYER),
            blob_of(b""),
        ],
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, product: Product) -> Path:
    folder = tmp_path_factory.mktemp("stock")
    return bundle_of(folder / "shop.tar.zst", VENDOR, product, channel=channel_of())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def shell(command: str, folder: Path, *arguments: Path) -> str:
    done = subprocess.run(
        [BASH, "-euo", "pipefail", "-c", command, "-", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    return (done.stdout + done.stderr).decode()


def check(out: Path, product: Product) -> None:
    lines = shell("sha256sum -c --strict SHA256SUMS", out).splitlines()
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(lines) == len(files) - 1
    assert all(line.endswith(": OK") for line in lines)
    blobs = {path.name: path.stat().st_size for path in (out / "blobs" / "sha256").iterdir()}
    assert blobs == {one[7:]: len(data) for one, data in product.contents.items()}
    assert json.loads((out / "oci-layout").read_bytes())["imageLayoutVersion"] == "1.0.0"


@pytest.mark.program("tar", "zstd", "sha256sum")
def test_gnu_tar(bundle: Path, out: Path, product: Product) -> None:
    assert not shell('tar --zstd -xf "$1"', out, bundle)
    check(out, product)


@pytest.mark.program("tar", "zstd", "sha256sum")
def test_zstd_and_tar_in_a_pipe(bundle: Path, out: Path, product: Product) -> None:
    assert not shell('zstd -dc "$1" | tar x', out, bundle)
    check(out, product)


@pytest.mark.program("bsdtar", "sha256sum")
def test_bsdtar(bundle: Path, out: Path, product: Product) -> None:
    assert not shell('bsdtar -xf "$1"', out, bundle)
    check(out, product)


@pytest.mark.program("zstd")
def test_zstd_needs_no_more_than_8_mib_of_window(bundle: Path, out: Path) -> None:
    shell('zstd -t -q -M8MB "$1"', out, bundle)


@pytest.mark.program("tar", "zstd")
def test_tar_lists_the_members_in_order(bundle: Path, out: Path) -> None:
    names = shell('tar --zstd -tvf "$1"', out, bundle).splitlines()
    assert names[0].startswith("-rw-r--r-- 0/0 ")
    assert names[0].endswith(" release.json")
    assert len(names) == 14 + len(read_everything(bundle))


@pytest.mark.program("skopeo", "tar", "zstd")
def test_skopeo_finds_an_image_by_its_original_name(
    bundle: Path, out: Path, product: Product
) -> None:
    shell('tar --zstd -xf "$1"', out, bundle)
    name = product.release.images[0].name
    found = shell(f"skopeo inspect --raw oci:.:{name}", out)
    assert json.loads(found) == json.loads(product.contents[product.release.images[0].digest])
    shell(f"skopeo copy -q oci:.:{name} dir:{out}/copied", out)


@pytest.mark.program("cosign")
def test_cosign_accepts_the_signed_release(bundle: Path, out: Path, tmp_path: Path) -> None:
    shell('tar --zstd -xf "$1"', out, bundle)
    key, root = tmp_path / "vendor.pub", tmp_path / "root.json"
    key.write_text(VENDOR.keys[0].public.pem)
    root.write_text('{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')
    said = shell(
        'cosign verify-blob --key "$1" --insecure-ignore-tlog=true --trusted-root "$2" '
        "--bundle signatures/release.json.1.sigstore.json release.json",
        out,
        key,
        root,
    )
    assert "Verified OK" in said
