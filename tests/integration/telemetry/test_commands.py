"""The way home by its two command lines, as people give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from airferry_fixtures import telemetry
from airferry_fixtures.commands import bundler
from airferry_fixtures.customers import Customer
from airferry_fixtures.telemetry import Office


@pytest.fixture
def vendor(tmp_path: Path) -> Office:
    return telemetry.office(tmp_path / "vendor")


@pytest.fixture
def customer(tmp_path: Path, vendor: Office) -> Customer:
    recipients = {"default": {"operations": vendor.identity.recipient}}
    telemetry.customer_state(tmp_path / "customer", recipients)
    return Customer(tmp_path / "customer")


def test_all_is_off_at_first(customer: Customer) -> None:
    shown = customer.run("telemetry", "consent", "--output", "json")
    assert (shown.code, shown.answer["leaving"]) == (0, [])
    for command in (("export", "-o", "stick"), ("preview",)):
        refused = customer.run("telemetry", *command)
        assert refused.code == 28
        assert "switched off" in refused.stderr
        assert "next: See `telemetry consent`" in refused.stderr
    assert not (customer.folder / "stick").exists()


def test_the_way_home(customer: Customer, vendor: Office, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    switched = customer.run("telemetry", "consent", "--all", "--output", "json").answer
    assert switched["leaving"] == ["inventory", "health", "deploy-history"]
    previewed = customer.run("telemetry", "preview", "--output", "json").answer
    exported = customer.run("telemetry", "export", "-o", stick, "--output", "json").answer
    assert exported["export"] == previewed["export"]
    assert "airferry_release_info" in previewed["contents"]["metrics.om"]

    store = ["--store", tmp_path / "fleet", "--output", "json"]
    told = ["--fingerprint", switched["fingerprint"], *store]
    enrolled = bundler("fleet", "enroll", switched["enrolment"], *told)
    assert (enrolled.code, enrolled.answer["customer"]) == (0, "acme")
    options = ["--identity", vendor.identity_file, *store]
    for state in ("accepted", "duplicate"):
        taken = bundler("telemetry", "import", exported["file"], *options)
        assert (taken.code, taken.answer["state"]) == (0, state)
    (row,) = bundler("fleet", "report", *store).answer["rows"]
    assert (row["customer"], row["version"]) == ("acme", "1.1.0")
    assert row["health"].startswith("no data")  # its cluster can't be reached


def test_text_for_people(customer: Customer, vendor: Office, tmp_path: Path) -> None:
    shown = customer.run("telemetry", "consent", "--collect", "inventory", "--export", "inventory")
    assert "today in staging:" in shown.stdout
    assert "kubernetes failed:" in shown.stdout
    assert "airferry_release_info (environment=staging, product=shop, version=1.1.0) 1" in (
        shown.stdout
    )
    assert "metrics.om" in customer.run("telemetry", "preview").stdout
    exported = customer.run("telemetry", "export", "-o", "stick")
    assert vendor.identity.recipient in exported.stdout
    (file,) = (customer.folder / "stick").iterdir()
    store = ["--store", tmp_path / "fleet"]
    taken = bundler("telemetry", "import", file, "--identity", vendor.identity_file, *store)
    assert taken.code == 1
    assert "quarantined: instance SHA256:" in taken.stdout


def test_a_file_that_is_none_is_refused_and_the_others_are_taken(
    customer: Customer, vendor: Office, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    switched = customer.run("telemetry", "consent", "--all", "--output", "json").answer
    store = ["--store", tmp_path / "fleet", "--output", "json"]
    bundler(
        "fleet", "enroll", switched["enrolment"], "--fingerprint", switched["fingerprint"], *store
    )
    exported = customer.run("telemetry", "export", "-o", stick, "--output", "json").answer
    (tmp_path / "bad.age").write_bytes(b"age-encryption.org/v1\nnonsense")
    options = ["--identity", vendor.identity_file, *store]
    taken = bundler("telemetry", "import", tmp_path / "bad.age", exported["file"], *options)
    assert taken.code == 28
    assert taken.answer["state"] == "accepted"
    assert "Traceback" not in taken.stderr
