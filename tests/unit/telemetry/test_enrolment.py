from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from airferry_foundation import documents
from airferry_foundation.errors import SignatureError, TelemetryRefusedError
from airferry_signing import sshsig
from airferry_signing.sshsig import SshPrivateKey
from airferry_telemetry import enrolment


@pytest.fixture
def key(tmp_path: Path) -> SshPrivateKey:
    sshsig.generate(tmp_path / "instance")
    return sshsig.read_private(tmp_path / "instance")


def test_an_enrolment_is_read_as_it_was_made(key: SshPrivateKey) -> None:
    found = enrolment.read(enrolment.make("acme", key), name="enrolment.json")
    assert (found.customer, found.fingerprint) == ("acme", key.public.key_id)
    assert found.public == key.public


def test_another_customers_name_beside_the_key_is_refused(key: SshPrivateKey) -> None:
    found = enrolment.read(enrolment.make("acme", key), name="e")
    swapped = documents.encode(msgspec.structs.replace(found, customer="rival"))
    with pytest.raises(SignatureError, match="does not fit"):
        enrolment.read(swapped, name="enrolment.json")


def test_another_key_beside_the_proof_is_refused(key: SshPrivateKey, tmp_path: Path) -> None:
    found = enrolment.read(enrolment.make("acme", key), name="e")
    other = sshsig.generate(tmp_path / "other")
    bare = msgspec.structs.replace(found, key=other.text, fingerprint=other.key_id, proof="")
    proof = sshsig.sign(documents.encode(bare), key).decode()
    swapped = documents.encode(msgspec.structs.replace(bare, proof=proof))
    with pytest.raises(TelemetryRefusedError, match="not consistent"):
        enrolment.read(swapped, name="enrolment.json")
