"""kill -9 at any moment of a build: the same call goes on, and the bytes are the same."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airferry_archive.journal import partial_path
from airferry_archive.reader import BundleReader
from airferry_archive.writer import BundleWriter
from airferry_fixtures import building
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    blob_of,
    header_of,
    image_of,
    noise,
    product_of,
    read_everything,
    write_bundle,
)
from airferry_fixtures.statements import Vendor
from airferry_foundation.errors import TruncatedError

KILLS = 10  # of each seed, at most
PRODUCT = product_of(
    images=[image_of()],
    blobs=[
        *(blob_of(noise(400_000 + n, n), GZIP_LAYER) for n in range(12)),
        *(blob_of(b"%d bottles of beer\n" % n * 20_000, TAR_LAYER) for n in range(4)),
    ],
)
HEADER = header_of(Vendor(), PRODUCT)


def start(source: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "airferry_fixtures.building", str(source), str(out)],
        env={**os.environ, "PYTHONPATH": str(Path(building.__file__).parents[1])},
        stdin=subprocess.DEVNULL,
    )


def await_begin(path: Path, child: subprocess.Popen[bytes]) -> None:
    while not path.exists() and child.poll() is None:
        time.sleep(0.002)


@pytest.mark.parametrize("seed", range(3))
def test_killed_builds_go_on_to_the_same_bytes(tmp_path: Path, seed: int) -> None:
    whole = write_bundle(tmp_path / "whole", HEADER, PRODUCT.contents).read_bytes()
    source = building.keep(tmp_path / "source", HEADER, PRODUCT.contents)
    out = tmp_path / "b"
    moments = random.Random(seed)  # noqa: S311 - nothing secret
    kills = 0
    while not out.exists():
        child = start(source, out)
        await_begin(partial_path(out), child)
        try:
            child.wait(moments.uniform(0.0, 0.25) if kills < KILLS else 60)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            kills += 1
            child.wait()
        else:
            assert child.returncode == 0
    assert kills >= 3
    assert out.read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "source", "whole"]


def test_what_a_kill_leaves_is_no_bundle(tmp_path: Path) -> None:
    source = building.keep(tmp_path / "source", HEADER, PRODUCT.contents)
    child = start(source, tmp_path / "b")
    await_begin(partial_path(tmp_path / "b"), child)
    time.sleep(0.2)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "b").exists()
    with pytest.raises(TruncatedError), BundleReader.open(partial_path(tmp_path / "b")):
        pass


def test_a_kill_after_the_first_frame_only_renames(tmp_path: Path) -> None:
    """The last moment there is: everything is written, the name is not given yet."""
    out = write_bundle(tmp_path / "b", HEADER, PRODUCT.contents)
    whole = out.read_bytes()
    with BundleWriter.open(tmp_path / "b", HEADER) as writer:
        for blob in writer.missing():
            with writer.receive(blob) as sink:
                sink.write(PRODUCT.contents[blob.digest])
    out.unlink()
    partial_path(out).write_bytes(whole)
    with BundleWriter.open(out, HEADER) as writer:
        assert writer.missing() == ()
        writer.finish()
    assert out.read_bytes() == whole


def test_a_power_cut_that_lost_data_but_kept_the_journal(tmp_path: Path) -> None:
    """The journal is a hint: what it names and the disk has lost is received again."""
    out = tmp_path / "b"
    with BundleWriter.open(out, HEADER) as writer:
        for blob in writer.missing_raw():
            with writer.receive(blob) as sink:
                sink.write(PRODUCT.contents[blob.digest])
        lost = writer.layout.raw[5]
    with partial_path(out).open("r+b") as file:
        file.seek((lost.offset or 0) + 4096)
        file.write(bytes(4096))
    with BundleWriter.open(out, HEADER) as writer:
        assert writer.missing_raw() == (lost.blob,)
        for blob in writer.missing():
            with writer.receive(blob) as sink:
                sink.write(PRODUCT.contents[blob.digest])
        writer.finish()
    assert read_everything(out) == PRODUCT.contents
