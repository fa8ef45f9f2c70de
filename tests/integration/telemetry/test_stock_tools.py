"""A telemetry file by hand: age, tar, ssh-keygen and promtool, and nothing of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from airferry_fixtures import telemetry
from airferry_fixtures.telemetry import Office, agree, export
from airferry_foundation import process
from airferry_installer.state import StateFolder
from airferry_telemetry import envelope, samples
from airferry_telemetry.catalogue import STANDARD
from airferry_telemetry.samples import sample


@pytest.fixture
def vendor(tmp_path: Path) -> Office:
    return telemetry.office(tmp_path / "vendor")


@pytest.fixture
def state(tmp_path: Path, vendor: Office) -> StateFolder:
    recipients = {"default": {"operations": vendor.identity.recipient}}
    state = telemetry.customer_state(tmp_path / "customer", recipients)
    agree(state)
    return state


@pytest.mark.program("age", "ssh-keygen", "promtool")
def test_stock_tools_open_and_check_a_telemetry_file(
    state: StateFolder, vendor: Office, tmp_path: Path
) -> None:
    path = export(state, tmp_path / "stick").path
    tar, out = tmp_path / "out.tar", tmp_path / "out"
    process.checked(["age", "-d", "-i", vendor.identity_file, "-o", tar, path])
    out.mkdir()
    process.checked(["tar", "-xf", tar, "-C", out])
    assert sorted(one.name for one in out.iterdir()) == sorted(envelope.MEMBERS)

    public = (state.folder / "instance.pub").read_text()
    (tmp_path / "allowed").write_text(f'acme namespaces="airferry-v1" {public}')
    command = ["ssh-keygen", "-Y", "verify", "-n", "airferry-v1", "-I", "acme"]
    command += ["-f", str(tmp_path / "allowed"), "-s", str(out / envelope.SIGNATURE)]
    process.checked(command, input=(out / envelope.MANIFEST).read_bytes())

    metrics = (out / envelope.METRICS).read_bytes()
    assert b"airferry_release_info" in metrics
    process.checked(["promtool", "check", "metrics"], input=metrics)


@pytest.mark.program("promtool")
def test_promtool_takes_every_metric_and_makes_blocks_of_their_history(tmp_path: Path) -> None:
    points = [
        sample(metric.name, dict.fromkeys(metric.labels, 'a "b" \\ c'), at, at % 7)
        for metric in STANDARD.metrics
        for at in (1_764_000_000, 1_764_000_060)
    ]
    text = samples.write(points, STANDARD)
    process.checked(["promtool", "check", "metrics"], input=text)
    (tmp_path / "metrics.om").write_bytes(text)
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    told = process.checked([*command, tmp_path / "metrics.om", tmp_path / "blocks"])
    assert b"BLOCK ULID" in told
