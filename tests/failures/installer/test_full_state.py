"""A state folder on a disk that is full, and one that two processes want at once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.simulator import bundle_of, small_product
from airferry_fixtures.statements import Vendor
from airferry_foundation.errors import MediaFullError, StateBusyError

_SIZE = "1m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte; skipped where we may not mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 - any umount


def fill(folder: Path, leave: int = 0) -> Path:
    """Fill the file system but for some bytes."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        file.truncate(max(0, file.tell() - leave))
    return path


@pytest.fixture
def customer(small_disk: Path) -> tuple[Customer, Vendor]:
    vendor = Vendor()
    return customer_of(small_disk, "127.0.0.1:1", vendor), vendor


@pytest.mark.parametrize("leave", [0, 4096, 16384])
def test_a_full_disk_is_told_and_nothing_is_forgotten(
    customer: tuple[Customer, Vendor], small_disk: Path, tmp_path: Path, leave: int
) -> None:
    site, vendor = customer
    bundle = bundle_of(tmp_path / "shop.tar.zst", vendor, small_product())
    before = site.remembered()
    filler = fill(small_disk, leave)
    codes = set()
    for _ in range(40):  # with some room left, the first few decisions still fit
        done = site.run("verify", bundle)
        assert "Traceback" not in done.stderr
        codes.add(done.code)
        if done.code:
            assert "no space left" in done.stderr
            assert "Next:" in done.stderr or "next:" in done.stderr.lower()
            break
    assert MediaFullError.exit_code in codes
    filler.unlink()
    assert site.run("history", "--verify").code == 0
    assert site.remembered()[1] >= before[1]
    assert site.run("verify", bundle).code == 0, "with space again the same command works"


def test_a_backup_to_a_full_disk_leaves_nothing(
    customer: tuple[Customer, Vendor], small_disk: Path
) -> None:
    site, _ = customer
    fill(small_disk, 8192)
    done = site.run("backup", "-o", small_disk / "b")
    assert done.code == MediaFullError.exit_code, done.stderr
    assert [path.name for path in small_disk.iterdir() if "b" in path.name.split(".")] == []


def test_init_on_a_full_disk_can_be_given_again(small_disk: Path) -> None:
    vendor = Vendor()
    site = customer_of(small_disk, "127.0.0.1:1")
    filler = fill(small_disk, 8192)
    done = site.init(vendor)
    assert done.code == MediaFullError.exit_code, done.stderr
    filler.unlink()
    done = site.init(vendor)
    assert done.code == 0, done.stderr
    assert site.run("history", "--verify").code == 0


def test_of_two_processes_one_goes_on_and_one_says_why_not(tmp_path: Path) -> None:
    vendor = Vendor()
    site = customer_of(tmp_path / "customer", "127.0.0.1:1", vendor)
    bundle = bundle_of(tmp_path / "shop.tar.zst", vendor, small_product())
    running = [site.start("verify", bundle) for _ in range(4)]
    codes = []
    for process in running:
        _, said = process.communicate(timeout=120)
        codes.append(process.returncode)
        if process.returncode:
            assert "in use by another airferry process" in said
    assert codes.count(0) >= 1
    assert set(codes) <= {0, StateBusyError.exit_code}
    assert site.run("history", "--verify").code == 0
    admitted = [e for e in site.state.journal.entries() if e.event == "admitted"]
    assert len(admitted) == codes.count(0)
