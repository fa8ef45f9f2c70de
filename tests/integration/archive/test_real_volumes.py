"""The smallest volumes that are allowed, with frames of 64 MiB, over the command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from airferry_archive.reader import BundleReader
from airferry_fixtures.commands import bundler
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    blob_of,
    bundle_of,
    noise,
    product_of,
    read_everything,
)
from airferry_fixtures.statements import Vendor


@pytest.mark.program("tar", "zstd")
def test_a_blob_of_several_frames(tmp_path: Path) -> None:
    product = product_of(
        blobs=[
            blob_of(noise(150 << 20, "big"), GZIP_LAYER),
            blob_of(bytes(1 << 20) * 70, TAR_LAYER),
        ]
    )
    bundle = bundle_of(tmp_path / "shop.tar.zst", Vendor(), product)
    stick = tmp_path / "stick"
    stick.mkdir()
    small = bundler("split", bundle, "--size", "100MiB", "--to", stick)
    assert small.code == 10
    assert "too small" in small.stderr
    ran = bundler("split", bundle, "--size", "128MiB", "--to", stick, "--output", "json")
    assert ran.code == 0, ran.stderr
    assert (ran.answer["count"], len(list(stick.iterdir()))) == (2, 2)
    assert read_everything(stick) == product.contents
    joined = bundler("join", stick, "-o", tmp_path / "joined.tar.zst")
    assert joined.code == 0, joined.stderr
    assert (tmp_path / "joined.tar.zst").read_bytes() == bundle.read_bytes()
    script = f"cat {stick}/shop.tar.zst.* | tar --zstd -t | wc -l"
    done = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", script], check=True, capture_output=True
    )
    with BundleReader.open(bundle) as reader:
        assert int(done.stdout) == len(reader.bind(reader.release()).files) + 2
