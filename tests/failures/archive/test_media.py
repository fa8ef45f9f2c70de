"""Disks that are full or read-only, sticks that change or are pulled out while they are read."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    bundle_of,
    header_of,
    noise,
    product_of,
    write_bundle,
)
from airferry_fixtures.statements import Vendor
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    BundleMismatchError,
    FileTooLargeError,
    MissingInputError,
    ReadOnlyError,
    TruncatedError,
)

VENDOR = Vendor()
UNSHARE = shutil.which("unshare") or "unshare"
BIG = noise(5 << 20)
PRODUCT = product_of(blobs=[blob_of(noise(300_000), GZIP_LAYER), blob_of(BIG, TAR_LAYER)])
HEADER = header_of(VENDOR, PRODUCT)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def fill(path: Path) -> None:
    with BundleWriter.open(path, HEADER) as writer:
        for blob in writer.missing():
            with writer.receive(blob) as sink:
                sink.write(PRODUCT.contents[blob.digest])
        writer.finish()


def test_a_file_that_may_not_grow_stops_the_build_and_it_goes_on_later(tmp_path: Path) -> None:
    whole = write_bundle(tmp_path / "whole", HEADER, PRODUCT.contents).read_bytes()
    path = tmp_path / "b"
    with files_of_at_most(2 << 20), pytest.raises(FileTooLargeError) as caught:
        fill(path)
    assert str(partial_path(path)) in caught.value.message
    assert "at most 2,097,152 bytes" in caught.value.message
    assert not path.exists()
    with BundleWriter.open(path, HEADER) as writer:
        assert len(writer.missing()) == 1  # what was complete is still there
    fill(path)
    assert path.read_bytes() == whole


_TMPFS = """
mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && "$@"
code=$?
ls "${@: -1}"*
exit $code
"""


@pytest.mark.parametrize(("size", "code"), [("2m", 51), ("128k", 51), ("16m", 0)])
def test_a_full_disk_has_its_own_exit_code(tmp_path: Path, size: str, code: int) -> None:
    source = building.keep(tmp_path / "source", HEADER, PRODUCT.contents)
    disk = tmp_path / "disk"
    disk.mkdir()
    program = [sys.executable, "-m", "airferry_fixtures.building", str(source), str(disk / "b")]
    done = subprocess.run(
        [UNSHARE, "-rm", "bash", "-c", _TMPFS, "-", size, str(disk), *program],
        env={**os.environ, "PYTHONPATH": str(Path(building.__file__).parents[1])},
        capture_output=True,
        check=False,
        timeout=60,
    )
    if b"permission" in done.stderr.lower() or b"not permitted" in done.stderr.lower():
        pytest.skip("this system forbids mounting in a namespace of one's own")
    assert done.returncode == code, done.stderr
    assert (b"MediaFullError" in done.stderr) == (code == 51)
    assert (f"{disk}/b\n".encode() in done.stdout) == (code == 0)


def test_a_folder_that_may_not_be_written_to_is_named(tmp_path: Path) -> None:
    locked = Path("/proc/sys")  # not even root may make a file here
    with pytest.raises((ReadOnlyError, MissingInputError), match="/proc/sys/b"):
        fill(locked / "b")


def test_a_file_that_shrinks_while_it_is_read_is_truncated(tmp_path: Path) -> None:
    path = bundle_of(tmp_path / "b", VENDOR, PRODUCT)
    with BundleReader.open(path) as reader:
        reader.bind(reader.release())
        os.truncate(path, 200_000)
        with pytest.raises(TruncatedError):
            reader.verify()
        with pytest.raises(TruncatedError):
            reader.blob(digest(noise(300_000)), 1 << 30)


def test_a_file_that_changes_after_it_was_verified_is_refused_when_it_is_used(
    tmp_path: Path,
) -> None:
    path = bundle_of(tmp_path / "b", VENDOR, PRODUCT)
    with BundleReader.open(path) as reader:
        found = reader.bind(reader.release())
        reader.verify()
        with path.open("r+b") as file:
            file.seek((found.raw[0].offset or 0) + 1000)
            file.write(b"changed")
        with pytest.raises(BundleMismatchError):
            reader.blob(digest(noise(300_000)), 1 << 30)
        assert reader.blob(digest(BIG), 1 << 30) == BIG
