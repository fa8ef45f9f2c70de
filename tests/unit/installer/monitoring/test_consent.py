from __future__ import annotations

from pathlib import Path

import pytest

from airferry_fixtures import telemetry
from airferry_foundation.errors import InputError, TelemetryRefusedError
from airferry_installer.monitoring import consent, exporting, sampling
from airferry_installer.state import StateFolder


def test_everything_is_off_until_somebody_switches_it_on(state: StateFolder) -> None:
    found = consent.read(state)
    assert (found.collect, found.export, found.leaving) == ((), (), ())


def test_a_switch_is_remembered_and_journalled(state: StateFolder) -> None:
    consent.change(state, collect=["health", "inventory"], export=["inventory"])
    found = consent.read(state)
    assert found.leaving == ("inventory",)
    assert found.withheld == ("health", "deploy-history")
    entry = state.journal.entries()[-1]
    assert entry.event == "telemetry consent changed"
    assert entry.facts == {"collect": ["inventory", "health"], "export": ["inventory"]}


def test_setting_what_is_set_already_is_not_journalled(state: StateFolder) -> None:
    consent.change(state, collect=["health"], export=[])
    before = len(state.journal.entries())
    consent.change(state, collect=["health"], export=[])
    assert len(state.journal.entries()) == before


def test_what_is_not_collected_cannot_leave(state: StateFolder) -> None:
    with pytest.raises(TelemetryRefusedError, match="health can't be exported"):
        consent.change(state, collect=["inventory"], export=["health"])


def test_a_category_that_does_not_exist_is_named(state: StateFolder) -> None:
    with pytest.raises(InputError, match="'secrets'"):
        consent.change(state, collect=["secrets"], export=[])


def test_with_all_off_no_collector_runs_and_nothing_leaves(
    state: StateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*arguments: object) -> None:
        raise AssertionError("the cluster was asked")

    monkeypatch.setattr(sampling, "connect", connect)
    found, cluster = sampling.sample_now(state, "staging")
    assert (found.samples, found.gaps, cluster) == ((), (), "")
    assert not sampling.spool_of(state).path.exists()
    for act in (exporting.prepare, lambda s, e: exporting.release(s, e, tmp_path / "stick")):
        with pytest.raises(TelemetryRefusedError, match="switched off"):
            act(state, "staging")
    assert not (tmp_path / "stick").exists()


def test_collected_only_for_home_does_not_leave(state: StateFolder, tmp_path: Path) -> None:
    consent.change(state, collect=["inventory"], export=[])
    assert sampling.sample_now(state, "staging")[0].samples
    with pytest.raises(TelemetryRefusedError):
        telemetry.export(state, tmp_path)
