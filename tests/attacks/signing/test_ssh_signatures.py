"""The customer's signatures: other files, other namespaces, other keys, weak kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from airferry_foundation import process
from airferry_foundation.errors import SignatureError
from airferry_signing import sshsig

APPROVAL = b'{"schema":"airferry.approval/v1","plan":"sha256:1"}'


@pytest.fixture
def key(tmp_path: Path) -> Path:
    sshsig.generate(tmp_path / "person")
    return tmp_path / "person"


def _by_program(key: Path, message: bytes, namespace: str) -> bytes:
    file = key.with_name("signed")
    file.write_bytes(message)
    process.checked(["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", key, file])
    return file.with_name("signed.sig").read_bytes()


def test_an_approval_moved_to_another_plan(key: Path) -> None:
    armored = sshsig.sign(APPROVAL, sshsig.read_private(key))
    with pytest.raises(SignatureError, match="does not fit"):
        sshsig.verify(APPROVAL.replace(b":1", b":2"), armored, name="approval.json.sig")


@pytest.mark.program("ssh-keygen")
@pytest.mark.parametrize("namespace", ["git", "file", "airferry-v2", "airferry-v1 "])
def test_a_signature_made_for_something_else(key: Path, namespace: str) -> None:
    """Somebody gets a person to sign a Git commit whose bytes are an approval."""
    with pytest.raises(SignatureError, match="namespace"):
        sshsig.verify(APPROVAL, _by_program(key, APPROVAL, namespace), name="approval.json.sig")


@pytest.mark.program("ssh-keygen")
def test_an_rsa_signature(tmp_path: Path) -> None:
    key = tmp_path / "rsa"
    process.checked(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", key])
    with pytest.raises(SignatureError, match="rsa"):
        sshsig.verify(APPROVAL, _by_program(key, APPROVAL, "airferry-v1"), name="s")


def test_a_signature_whose_key_was_swapped(key: Path) -> None:
    """The key inside a signature is what the caller judges: it can't be another's."""
    victim = sshsig.generate(key.with_name("victim"))
    thief = sshsig.read_private(key)
    blob = sshsig._unarmor(sshsig.sign(APPROVAL, thief))
    forged = blob.replace(thief.public.blob, victim.blob)
    assert forged != blob
    with pytest.raises(SignatureError, match="does not fit"):
        sshsig.verify(APPROVAL, sshsig._armor(forged), name="approval.json.sig")
