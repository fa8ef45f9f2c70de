from __future__ import annotations

from pathlib import Path

import pytest

from airferry_fixtures import telemetry
from airferry_fixtures.telemetry import Office, agree, export
from airferry_foundation.errors import InputError, TelemetryRefusedError
from airferry_installer.monitoring import consent, exporting, sampling, streams
from airferry_installer.state import StateFolder
from airferry_signing import sealing, sshsig
from airferry_telemetry import envelope, samples

Recipients = dict[str, dict[str, str]]


def test_what_was_previewed_is_what_leaves(
    state: StateFolder, vendor: Office, tmp_path: Path
) -> None:
    agree(state)
    package = exporting.prepare(state, "staging")
    done = export(state, tmp_path / "stick")
    tar = sealing.unseal(done.path.read_bytes(), vendor.identity.secret)
    assert tar == package.tar
    assert done.path.name.startswith("telemetry-")
    assert done.path.name.endswith(".tar.age")


def test_an_export_without_preview_is_made_on_the_spot(state: StateFolder, tmp_path: Path) -> None:
    agree(state)
    assert export(state, tmp_path).package.manifest.seq == 1


def test_the_manifest_tells_what_it_must(state: StateFolder, vendor: Office) -> None:
    agree(state, "inventory")
    manifest = exporting.prepare(state, "staging").manifest
    assert manifest.customer == "acme"
    assert manifest.instance == sshsig.public_beside(state.instance_key).key_id
    assert (manifest.environment, manifest.seq, manifest.previous) == ("staging", 1, None)
    assert manifest.categories.enabled == ("inventory",)
    assert manifest.categories.withheld == ("health", "deploy-history")
    assert (manifest.region, manifest.allowed_regions) == ("default", ("default",))
    assert manifest.recipients == (vendor.identity.recipient,)
    assert [(one.product, one.version, one.counter) for one in manifest.installed] == [
        ("shop", "1.1.0", 1)
    ]
    assert manifest.journal_head == state.journal.head()
    assert manifest.released_by


def test_a_collector_that_fails_is_a_gap_without_words(state: StateFolder) -> None:
    agree(state)
    package = exporting.prepare(state, "staging")
    found = {(gap.collector, gap.reason) for gap in package.manifest.gaps}
    assert {collector for collector, _ in found} == {"kubernetes", "workloads"}
    assert all(reason.isalpha() for _, reason in found)
    assert b"nowhere" not in package.tar


def test_a_withheld_category_leaves_no_trace(state: StateFolder) -> None:
    consent.change(state, collect=["inventory", "deploy-history"], export=["inventory"])
    contents = exporting.prepare(state, "staging").contents
    assert {one.metric for one in samples.read(contents[envelope.METRICS])} == {
        "airferry_release_info"
    }
    assert contents[envelope.EVENTS] == b""


def test_events_tell_changes_since_the_last_export(
    state: StateFolder, recipients: Recipients, tmp_path: Path
) -> None:
    agree(state, "deploy-history")
    first = export(state, tmp_path).package.contents[envelope.EVENTS]
    assert b'"outcome":"applied"' in first
    assert b'"version":"1.1.0"' in first
    telemetry.applied(state, 2, recipients, outcome="failed")
    again = export(state, tmp_path).package.contents[envelope.EVENTS]
    assert b"1.1.0" not in again


def test_exports_are_numbered_and_chained(state: StateFolder, tmp_path: Path) -> None:
    agree(state)
    first, second = export(state, tmp_path).package, export(state, tmp_path).package
    assert (first.manifest.seq, second.manifest.seq) == (1, 2)
    assert second.manifest.previous == first.digest
    assert second.manifest.lineage == first.manifest.lineage
    assert second.manifest.period.begin == first.manifest.period.end
    events = [entry.event for entry in state.journal.entries()]
    assert events.count("telemetry exported") == 2


def test_a_lost_stick_is_made_good_with_the_same_export(
    state: StateFolder, vendor: Office, tmp_path: Path
) -> None:
    agree(state)
    first = export(state, tmp_path)
    again = exporting.again(state, "staging", tmp_path)
    assert again.package.tar == first.package.tar
    assert again.path != first.path
    assert export(state, tmp_path).package.manifest.seq == 2


def test_there_is_nothing_to_send_again_at_first(state: StateFolder, tmp_path: Path) -> None:
    agree(state)
    with pytest.raises(InputError, match="nothing was exported"):
        exporting.again(state, "staging", tmp_path)


def test_consent_that_changed_after_the_preview_stops_the_export(
    state: StateFolder, tmp_path: Path
) -> None:
    agree(state)
    exporting.prepare(state, "staging")
    agree(state, "inventory")
    with pytest.raises(TelemetryRefusedError, match="consent changed"):
        export(state, tmp_path)
    exporting.prepare(state, "staging")
    assert export(state, tmp_path).package.manifest.categories.enabled == ("inventory",)


def test_without_a_recipient_nothing_is_exported(tmp_path: Path) -> None:
    state = telemetry.customer_state(tmp_path / "customer", {})
    agree(state)
    with pytest.raises(TelemetryRefusedError, match="names a recipient"):
        export(state, tmp_path)


def test_the_recipient_is_that_of_the_region_and_purpose(tmp_path: Path) -> None:
    east, west = sealing.new_identity(), sealing.new_identity()
    named = {"east": {"operations": east.recipient}, "west": {"operations": west.recipient}}
    state = telemetry.customer_state(tmp_path, named, more="telemetry: {region: west}\n")
    agree(state)
    done = export(state, tmp_path)
    assert done.package.manifest.recipients == (west.recipient,)
    assert sealing.unseal(done.path.read_bytes(), west.secret) == done.package.tar


def test_the_customers_own_key_opens_it_too(
    recipients: Recipients, vendor: Office, tmp_path: Path
) -> None:
    own = sealing.new_identity()
    more = f"telemetry: {{also_to: {own.recipient}}}\n"
    state = telemetry.customer_state(tmp_path / "own", recipients, more=more)
    agree(state)
    sealed = export(state, tmp_path).path.read_bytes()
    assert sealing.unseal(sealed, own.secret) == sealing.unseal(sealed, vendor.identity.secret)


def test_nothing_applied_means_nothing_to_tell(state: StateFolder) -> None:
    assert exporting.environments(state, None) == ("staging",)
    with pytest.raises(InputError, match="'nowhere'"):
        exporting.environments(state, "nowhere")


def test_another_cluster_begins_a_new_lineage(state: StateFolder) -> None:
    first = streams.current(state, "staging", "aaaa")
    streams.write(state, first)
    assert streams.current(state, "staging", "aaaa") == first
    assert streams.current(state, "staging", "") == first
    other = streams.current(state, "staging", "bbbb")
    assert other.lineage != first.lineage
    assert (other.seq, other.previous) == (0, None)


def test_a_cluster_that_could_not_be_told_at_first_stays_in_its_lineage(
    state: StateFolder, tmp_path: Path
) -> None:
    agree(state)
    export(state, tmp_path)
    before = streams.read(state, "staging")
    assert before is not None
    assert before.cluster == ""
    after = streams.current(state, "staging", "aaaa")
    assert (after.lineage, after.seq, after.cluster) == (before.lineage, 1, "aaaa")


def test_only_samples_since_the_last_export_leave(state: StateFolder, tmp_path: Path) -> None:
    agree(state, "inventory")
    export(state, tmp_path)
    spooled = sampling.spool_of(state).since("staging", 0, 2**40)
    old = [samples.sample(one.metric, dict(one.labels), 1000, 1) for one in spooled]
    sampling.spool_of(state).add("staging", old)
    leaving = exporting.prepare(state, "staging").contents[envelope.METRICS]
    assert all(one.at > 1000 for one in samples.read(leaving))


def test_the_running_releases_catalogue_is_the_allowlist(
    state: StateFolder, recipients: Recipients
) -> None:
    agree(state)
    data = b"schema: airferry.catalogue/v1\nmetrics: []\n"
    telemetry.applied(state, 2, recipients, catalogue=data)
    with pytest.raises(TelemetryRefusedError, match="is not in the state folder"):
        exporting.prepare(state, "staging")
    state.keep("catalogue", data)
    contents = exporting.prepare(state, "staging").contents
    assert samples.read(contents[envelope.METRICS]) == ()
