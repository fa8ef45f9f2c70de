"""Telemetry on its way home, attacked and then handed to `airferry-bundler telemetry import`."""

from __future__ import annotations

from pathlib import Path

import pytest

from airferry_fixtures.commands import Ran, bundler
from airferry_fixtures.telemetry import (
    Office,
    agree,
    applied,
    customer_state,
    export,
    forged,
    office,
    sealed,
)
from airferry_foundation.errors import ClusterUnreachableError
from airferry_installer.monitoring import sampling
from airferry_installer.monitoring.exporting import Exported
from airferry_installer.state import StateFolder
from airferry_signing import sealing


def recipients(vendor: Office) -> dict[str, dict[str, str]]:
    return {"default": {"operations": vendor.identity.recipient}}


@pytest.fixture(autouse=True)
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: object) -> None:
        raise ClusterUnreachableError("nowhere can't be reached")

    monkeypatch.setattr(sampling, "connect", connect)


@pytest.fixture
def vendor(tmp_path: Path) -> Office:
    return office(tmp_path / "office")


@pytest.fixture
def state(tmp_path: Path, vendor: Office) -> StateFolder:
    made = customer_state(tmp_path / "customer", recipients(vendor))
    agree(made)
    vendor.enroll(made)
    return made


@pytest.fixture
def done(state: StateFolder, tmp_path: Path) -> Exported:
    return export(state, tmp_path)


def take(vendor: Office, path: Path) -> Ran:
    words = ("--store", vendor.store.folder, "--identity", vendor.identity_file)
    ran = bundler("telemetry", "import", path, *words)
    assert "Traceback" not in ran.stderr
    return ran


def test_the_honest_file(vendor: Office, done: Exported) -> None:
    ran = take(vendor, done.path)
    assert ran.code == 0, ran.stderr
    assert "accepted" in ran.stdout


def test_read_on_its_way(vendor: Office, done: Exported) -> None:
    assert b"acme" not in done.path.read_bytes()
    stranger = sealing.new_identity()
    (vendor.store.folder.parent / "stranger.age").write_bytes(sealing.identity_file(stranger))
    ran = bundler(
        "telemetry", "import", done.path, "--store", vendor.store.folder,
        "--identity", vendor.store.folder.parent / "stranger.age",
    )  # fmt: skip
    assert ran.code != 0
    assert "Traceback" not in ran.stderr


def test_forged(vendor: Office, done: Exported, state: StateFolder, tmp_path: Path) -> None:
    tar = forged(state, done.package, customer="bank")
    ran = take(vendor, sealed(tmp_path / "forged.tar.age", tar, vendor.identity.recipient))
    assert "accepted" not in ran.stdout
    assert ran.code == 1
    assert "quarantine" in ran.stdout


def test_replayed(vendor: Office, done: Exported) -> None:
    assert take(vendor, done.path).code == 0
    again = take(vendor, done.path)
    assert "duplicate" in again.stdout


def test_dropped(vendor: Office, state: StateFolder, done: Exported, tmp_path: Path) -> None:
    applied(state, 2, recipients(vendor))
    later = export(state, tmp_path)
    ran = take(vendor, later.path)
    report = bundler("fleet", "report", "--store", vendor.store.folder)
    told = ran.stdout + ran.stderr + report.stdout
    assert "missing" in told or "gap" in told or "absent" in told, told


def test_changed_on_its_way(vendor: Office, done: Exported) -> None:
    data = bytearray(done.path.read_bytes())
    data[len(data) // 2] ^= 1
    done.path.write_bytes(data)
    ran = take(vendor, done.path)
    assert ran.code != 0
    assert "accepted" not in ran.stdout


def test_sent_to_the_wrong_region(vendor: Office, done: Exported) -> None:
    words = ("--store", vendor.store.folder, "--identity", vendor.identity_file)
    ran = bundler("telemetry", "import", done.path, *words, "--region", "us")
    assert ran.code != 0
    assert "region" in ran.stdout + ran.stderr
