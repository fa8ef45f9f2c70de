"""Telemetry read, forged, replayed, dropped, sent to the wrong region (the threat table's row)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from airferry_bundler.fleet import enrolling as fleet_enrolling
from airferry_fixtures import telemetry
from airferry_fixtures.telemetry import Office, agree, export, forged, sealed
from airferry_foundation import documents
from airferry_foundation.errors import (
    ClusterUnreachableError,
    InputError,
    SignatureError,
    TelemetryRefusedError,
    TrustError,
)
from airferry_installer.monitoring import enrolling, sampling
from airferry_installer.monitoring.exporting import Exported
from airferry_installer.state import StateFolder
from airferry_signing import sealing, sshsig
from airferry_telemetry import envelope


@pytest.fixture(autouse=True)
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*arguments: object) -> None:
        raise ClusterUnreachableError("nowhere can't be reached")

    monkeypatch.setattr(sampling, "connect", connect)


@pytest.fixture
def vendor(tmp_path: Path) -> Office:
    return telemetry.office(tmp_path / "vendor")


def _customer(folder: Path, vendor: Office, name: str) -> StateFolder:
    recipients = {"default": {"operations": vendor.identity.recipient}}
    state = telemetry.customer_state(folder / name, recipients, customer=name)
    agree(state)
    return state


@pytest.fixture
def state(tmp_path: Path, vendor: Office) -> StateFolder:
    state = _customer(tmp_path, vendor, "acme")
    vendor.enroll(state)
    return state


@pytest.fixture
def done(state: StateFolder, tmp_path: Path) -> Exported:
    return export(state, tmp_path / "stick")


def _stored(vendor: Office) -> list[str]:
    """Every file of the store but the databases, archive keys and folders."""
    folder = vendor.store.folder
    return sorted(
        path.parent.name
        for path in folder.rglob("*.age")
        if path.name != "archive.age" and path.is_file()
    )


def test_the_honest_file_is_accepted_once(vendor: Office, done: Exported) -> None:
    assert vendor.take(done.path).state == "accepted"
    assert vendor.take(done.path).state == "duplicate"
    assert _stored(vendor) == ["raw"]


def test_read_on_its_way(done: Exported) -> None:
    data = done.path.read_bytes()
    for word in (b"acme", b"staging", b"shop", b"airferry.telemetry"):
        assert word not in data
    with pytest.raises(TrustError):
        sealing.unseal(data, sealing.new_identity().secret)


def test_forged_by_a_stranger_who_knows_the_vendors_public_key(
    vendor: Office, done: Exported, tmp_path: Path
) -> None:
    """A stranger signs with a key of their own: it is of no enrolled instance."""
    sshsig.generate(tmp_path / "stranger")
    stranger = sshsig.read_private(tmp_path / "stranger")
    own = msgspec.structs.replace(done.package.manifest, instance=stranger.public.key_id)
    data = documents.encode(own)
    tar = envelope.pack(data, sshsig.sign(data, stranger), done.package.contents)
    path = sealed(tmp_path / "forged.age", tar, vendor.identity.recipient)
    taken = vendor.take(path)
    assert taken.state == "quarantined"
    assert "not enrolled" in taken.reason
    assert _stored(vendor) == ["quarantine"]


def test_forged_in_the_name_of_an_enrolled_instance(
    vendor: Office, done: Exported, tmp_path: Path
) -> None:
    sshsig.generate(tmp_path / "stranger")
    data = documents.encode(done.package.manifest)
    signature = sshsig.sign(data, sshsig.read_private(tmp_path / "stranger"))
    tar = envelope.pack(data, signature, done.package.contents)
    with pytest.raises(TelemetryRefusedError, match="but says that it is of"):
        vendor.take(sealed(tmp_path / "forged.age", tar, vendor.identity.recipient))
    assert _stored(vendor) == []


def test_a_manifest_changed_after_it_was_signed(
    vendor: Office, done: Exported, tmp_path: Path
) -> None:
    tar = done.package.tar.replace(b'"customer":"acme"', b'"customer":"acmf"')
    assert tar != done.package.tar
    with pytest.raises(SignatureError, match="does not fit"):
        vendor.take(sealed(tmp_path / "forged.age", tar, vendor.identity.recipient))
    assert _stored(vendor) == []


def test_figures_changed_under_a_true_manifest(
    vendor: Office, done: Exported, tmp_path: Path
) -> None:
    contents = dict(done.package.contents)
    contents[envelope.METRICS] = contents[envelope.METRICS].replace(b"1.1.0", b"9.9.9")
    members = envelope._split(done.package.tar, "x")
    tar = envelope.pack(members[envelope.MANIFEST], members[envelope.SIGNATURE], contents)
    with pytest.raises(TelemetryRefusedError, match="other files than its manifest lists"):
        vendor.take(sealed(tmp_path / "forged.age", tar, vendor.identity.recipient))


@pytest.mark.parametrize("change", ["tail", "padding", "mode", "cut", "empty"])
def test_a_tar_with_more_or_less_in_it(
    change: str, vendor: Office, done: Exported, tmp_path: Path
) -> None:
    tar = bytearray(done.package.tar)
    if change == "tail":
        tar += b"\0" * 512
    elif change == "padding":
        tar[-1] = 1
    elif change == "mode":
        tar[100:107] = b"0000777"
    elif change == "cut":
        del tar[-10_240:]
    else:
        tar.clear()
    path = sealed(tmp_path / "forged.age", bytes(tar), vendor.identity.recipient)
    with pytest.raises(TelemetryRefusedError):
        vendor.take(path)
    assert _stored(vendor) == []


def test_one_customers_instance_speaks_for_another(
    state: StateFolder, vendor: Office, tmp_path: Path
) -> None:
    """rival is enrolled too, and signs a manifest that says acme with its own true key."""
    rival = _customer(tmp_path, vendor, "rival")
    vendor.enroll(rival)
    package = export(rival, tmp_path / "stick").package
    tar = forged(rival, package, customer="acme")
    taken = vendor.take(sealed(tmp_path / "forged.age", tar, vendor.identity.recipient))
    assert taken.state == "quarantined"
    acme = vendor.store.customer("acme")
    assert acme is not None
    assert acme.database.manifests() == ()


def test_replayed_under_another_number(
    state: StateFolder, vendor: Office, done: Exported, tmp_path: Path
) -> None:
    """Even the instance itself can't say two things under one number."""
    vendor.take(done.path)
    tar = forged(state, done.package, released_by="somebody else")
    taken = vendor.take(sealed(tmp_path / "again.age", tar, vendor.identity.recipient))
    assert taken.state == "quarantined"
    assert "another export has number 1" in taken.reason


def test_a_copied_instance_goes_on_from_the_same_export(
    state: StateFolder, vendor: Office, done: Exported, tmp_path: Path
) -> None:
    vendor.take(done.path)
    second = export(state, tmp_path / "stick")
    clone = forged(state, second.package, released_by="the copy")
    assert vendor.take(second.path).state == "accepted"
    path = sealed(tmp_path / "clone.age", clone, vendor.identity.recipient)
    assert vendor.take(path).state == "quarantined"


def test_an_export_that_follows_another_past(
    state: StateFolder, vendor: Office, done: Exported, tmp_path: Path
) -> None:
    vendor.take(done.path)
    second = export(state, tmp_path / "stick")
    tar = forged(state, second.package, previous="sha256:" + "0" * 64)
    taken = vendor.take(sealed(tmp_path / "x.age", tar, vendor.identity.recipient))
    assert taken.state == "quarantined"
    assert "does not follow export 1" in taken.reason


def test_dropped_on_its_way(
    state: StateFolder, vendor: Office, done: Exported, tmp_path: Path
) -> None:
    second = export(state, tmp_path / "stick")
    taken = vendor.take(second.path)
    assert (taken.state, taken.reason) == ("gap", "export 1 is missing before it")
    assert vendor.take(done.path).state == "accepted"


def test_sent_to_the_wrong_region(vendor: Office, done: Exported) -> None:
    with pytest.raises(TelemetryRefusedError, match="for region 'default'"):
        vendor.take(done.path, region="east")
    assert _stored(vendor) == []  # not even in quarantine


def test_a_store_never_holds_data_of_two_regions(
    vendor: Office, done: Exported, tmp_path: Path
) -> None:
    assert vendor.take(done.path).state == "accepted"
    recipients = {"east": {"operations": vendor.identity.recipient}}
    more = "telemetry: {region: east}\n"
    state = telemetry.customer_state(tmp_path / "e", recipients, customer="east-co", more=more)
    agree(state)
    vendor.enroll(state)
    path = export(state, tmp_path / "e-stick").path
    for region in (None, "east", "default"):
        with pytest.raises(TelemetryRefusedError, match="for region 'east'"):
            vendor.take(path, region=region)
    assert _stored(vendor) == ["raw"]


def test_a_stranger_does_not_fix_the_region(vendor: Office, done: Exported, tmp_path: Path) -> None:
    recipients = {"east": {"operations": vendor.identity.recipient}}
    more = "telemetry: {region: east}\n"
    stranger = telemetry.customer_state(tmp_path / "e", recipients, customer="east-co", more=more)
    agree(stranger)
    assert vendor.take(export(stranger, tmp_path / "e-stick").path).state == "quarantined"
    assert vendor.take(done.path).state == "accepted"


def test_sent_to_the_wrong_intake(done: Exported, state: StateFolder, tmp_path: Path) -> None:
    other = telemetry.office(tmp_path / "other")
    with pytest.raises(TelemetryRefusedError, match="can't be opened"):
        other.take(done.path)
    assert not other.store.folder.exists()


def test_sealed_anew_for_somebody_the_customer_did_not_name(
    done: Exported, state: StateFolder, tmp_path: Path
) -> None:
    """The vendor's own people can't hand it on to another intake as if it were meant for it."""
    other = telemetry.office(tmp_path / "other")
    other.enroll(state)
    path = sealed(tmp_path / "handed-on.age", done.package.tar, other.identity.recipient)
    with pytest.raises(TelemetryRefusedError, match="does not name"):
        other.take(path)


def test_an_instance_that_is_not_enrolled_waits_until_it_is(vendor: Office, tmp_path: Path) -> None:
    state = _customer(tmp_path, vendor, "newcomer")
    path = export(state, tmp_path / "stick").path
    assert vendor.take(path).state == "quarantined"
    assert vendor.store.quarantined() == 1
    vendor.enroll(state)
    assert vendor.take(path).state == "accepted"
    assert vendor.store.quarantined() == 0


def test_enrolled_with_a_fingerprint_that_nobody_told(
    vendor: Office, state: StateFolder, tmp_path: Path
) -> None:
    """The stick's enrolment.json was exchanged for a thief's."""
    thief = _customer(tmp_path / "thief", vendor, "acme")
    path, _ = enrolling.ensure(thief)
    told = enrolling.ensure(state)[1].fingerprint
    with pytest.raises(TelemetryRefusedError, match="another fingerprint"):
        fleet_enrolling.enroll(path, told, vendor.store)


def test_one_key_for_two_customers(vendor: Office, state: StateFolder, tmp_path: Path) -> None:
    site = state.site_path
    site.write_text(site.read_text().replace("customer: acme", "customer: rival"))
    path, found = enrolling.ensure(state)
    assert found.customer == "rival"
    with pytest.raises(TelemetryRefusedError, match="enrolled for customer 'acme'"):
        fleet_enrolling.enroll(path, found.fingerprint, vendor.store)


@pytest.mark.parametrize("name", ["../acme", "/etc", "a/b", "A", "", ".", "..", "a\n", "a" * 64])
def test_customer_names_cannot_escape_the_store(name: str, vendor: Office) -> None:
    with pytest.raises(InputError, match="not the name of a customer"):
        vendor.store.make_customer(name)
    assert not vendor.store.folder.exists()
