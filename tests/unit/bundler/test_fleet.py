from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from airferry_bundler.fleet import report
from airferry_bundler.fleet.report import Row
from airferry_bundler.fleet.store import existing
from airferry_fixtures import telemetry
from airferry_fixtures.telemetry import Office, agree, export
from airferry_foundation import clock
from airferry_foundation.errors import ClusterUnreachableError, InputError
from airferry_installer.monitoring import exporting, sampling
from airferry_installer.monitoring.collectors import Collected
from airferry_installer.state import StateFolder
from airferry_installer.trust import LineTrust
from airferry_telemetry.envelope import Gap
from airferry_telemetry.samples import sample


@pytest.fixture
def vendor(tmp_path: Path) -> Office:
    return telemetry.office(tmp_path / "vendor")


@pytest.fixture
def state(tmp_path: Path, vendor: Office) -> StateFolder:
    recipients = {"default": {"operations": vendor.identity.recipient}}
    return telemetry.customer_state(tmp_path / "acme", recipients)


@pytest.fixture
def workloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What the cluster says, by state; a collector's failure under the key `gap`."""
    said = {"ready": 3, "waiting": 0, "failed": 0}

    def sample_now(state: StateFolder, environment: str) -> tuple[Collected, str]:
        at = int(clock.now().timestamp())
        found = [
            sample(
                "airferry_workloads",
                {"environment": environment, "product": "shop", "state": name},
                at,
                count,
            )
            for name, count in said.items()
            if name != "gap"
        ]
        gaps = (Gap(category="health", collector="workloads", reason="ClusterDenied"),)
        sampling.spool_of(state).add(environment, found)
        return Collected(tuple(found), gaps if "gap" in said else ()), "cluster"

    monkeypatch.setattr(exporting, "sample_now", sample_now)
    return said


def _rows(vendor: Office, *, days: int = 0) -> tuple[Row, ...]:
    return report.rows(existing(vendor.store.folder), clock.now() + timedelta(days=days))


def _taken(state: StateFolder, vendor: Office, folder: Path) -> Row:
    vendor.enroll(state)
    assert vendor.take(export(state, folder).path).state == "accepted"
    (row,) = _rows(vendor)
    return row


def test_a_healthy_environment(
    state: StateFolder, vendor: Office, workloads: dict[str, int], tmp_path: Path
) -> None:
    agree(state)
    row = _taken(state, vendor, tmp_path)
    assert (row.customer, row.environment, row.product) == ("acme", "staging", "shop")
    assert (row.version, row.newest, row.health) == ("1.1.0", "1.1.0", "healthy")
    assert (row.silent_days, row.missing, row.withheld) == (0, (), ())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"failed": 1}, "unhealthy: 1 failed of 4"),
        ({"waiting": 2, "failed": 1}, "unhealthy: 1 failed, 2 waiting of 6"),
        ({"ready": 0}, "no data (no workloads)"),
        ({"gap": 1}, "no data (ClusterDenied)"),
    ],
)
def test_trouble_and_ignorance_are_said(
    change: dict[str, int],
    words: str,
    state: StateFolder,
    vendor: Office,
    workloads: dict[str, int],
    tmp_path: Path,
) -> None:
    workloads |= change
    agree(state)
    assert _taken(state, vendor, tmp_path).health == words


def test_withheld_health_is_no_health(
    state: StateFolder, vendor: Office, workloads: dict[str, int], tmp_path: Path
) -> None:
    agree(state, "inventory")
    row = _taken(state, vendor, tmp_path)
    assert row.health == "no data (withheld)"
    assert row.withheld == ("health", "deploy-history")


def test_old_health_is_no_health(
    state: StateFolder, vendor: Office, workloads: dict[str, int], tmp_path: Path
) -> None:
    agree(state)
    _taken(state, vendor, tmp_path)
    (row,) = _rows(vendor, days=15)
    assert (row.health, row.silent_days) == ("no data (silent)", 15)


def test_a_customer_that_never_said_a_word(state: StateFolder, vendor: Office) -> None:
    vendor.enroll(state)
    (row,) = _rows(vendor)
    assert (row.customer, row.environment, row.health) == ("acme", "", "no data")


def test_a_missing_export_is_named(
    state: StateFolder, vendor: Office, workloads: dict[str, int], tmp_path: Path
) -> None:
    agree(state)
    vendor.enroll(state)
    paths = [export(state, tmp_path).path for _ in range(3)]
    assert vendor.take(paths[0]).state == "accepted"
    assert vendor.take(paths[2]).state == "gap"
    assert [row.missing for row in _rows(vendor)] == [(2,)]
    assert vendor.take(paths[1]).state == "accepted"
    assert [row.missing for row in _rows(vendor)] == [()]


def test_versions_are_held_against_the_newest_of_the_fleet(
    state: StateFolder, vendor: Office, workloads: dict[str, int], tmp_path: Path
) -> None:
    recipients = {"default": {"operations": vendor.identity.recipient}}
    rival = telemetry.customer_state(tmp_path / "rival", recipients, customer="rival")
    telemetry.applied(rival, 10, recipients)
    for one in (state, rival):
        agree(one)
        vendor.enroll(one)
        vendor.take(export(one, tmp_path).path)
    found = {row.customer: (row.version, row.newest) for row in _rows(vendor)}
    assert found == {"acme": ("1.1.0", "1.10.0"), "rival": ("1.10.0", "1.10.0")}


def test_a_mistyped_store_does_not_look_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a fleet store"):
        existing(tmp_path / "nowhere")


def test_the_archive_holds_what_came_sealed_anew_to_the_customers_own_key(
    state: StateFolder, vendor: Office, workloads: dict[str, int], tmp_path: Path
) -> None:
    agree(state)
    vendor.enroll(state)
    done = export(state, tmp_path)
    vendor.take(done.path)
    customer = vendor.store.customer("acme")
    assert customer is not None
    assert customer.archived(done.package.digest) == done.package.tar
    (raw,) = (customer.folder / "raw").iterdir()
    with pytest.raises(Exception, match="can't be opened"):
        telemetry.sealing.unseal(raw.read_bytes(), vendor.identity.secret)


def test_an_unclear_clock_is_handed_on(
    state: StateFolder, vendor: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def connect(*arguments: object) -> None:
        raise ClusterUnreachableError("nowhere")

    monkeypatch.setattr(sampling, "connect", connect)
    far = LineTrust(product="shop", roots=(), epoch=1, learned="2099-01-01T00:00:00Z")
    state.remember(state.trust().with_line(far))
    agree(state, "inventory")
    assert _taken(state, vendor, tmp_path).clock_certain is False
