from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from airferry_fixtures.people import plan_of, signatory
from airferry_foundation import documents
from airferry_foundation.errors import DocumentError, MissingInputError
from airferry_foundation.programs import find
from airferry_installer.approving import requests
from airferry_signing import sshsig

PLAN = plan_of()


def test_a_signed_document_is_two_files(tmp_path: Path) -> None:
    signed = signatory("anna").approves(PLAN, "CHG-1")
    requests.write(tmp_path / "approval.json", signed)
    read = requests.read_signed(tmp_path / "approval.json")
    assert (read.document, read.signature) == (signed.document, signed.signature)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["approval.json", "approval.json.sig"]


def test_a_document_without_its_signature_is_named(tmp_path: Path) -> None:
    requests.write(tmp_path / "approval.json", signatory("anna").approves(PLAN))
    (tmp_path / "approval.json.sig").unlink()
    with pytest.raises(MissingInputError, match=r"approval\.json\.sig"):
        requests.read_signed(tmp_path / "approval.json")


def test_a_plan_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(documents.encode(PLAN))
    assert requests.read_plan(path) == PLAN
    path.write_bytes(documents.encode(PLAN) + b"\n")
    with pytest.raises(DocumentError, match="not canonical"):
        requests.read_plan(path)


def test_the_request_lies_beside_its_plan(tmp_path: Path) -> None:
    assert requests.request_path(tmp_path / "p.json") == tmp_path / "p.json.request.json"


@pytest.mark.program("ssh-keygen")
def test_ssh_keygen_accepts_an_approval(tmp_path: Path) -> None:
    public = sshsig.generate(tmp_path / "anna")
    private = sshsig.read_private(tmp_path / "anna")
    requests.write(tmp_path / "approval.json", requests.sign(requests.agree(PLAN), private))
    (tmp_path / "signers").write_text(f"anna {public.text}\n")
    command = [
        find("ssh-keygen"), "-Y", "verify", "-f", tmp_path / "signers", "-I", "anna",
        "-n", sshsig.NAMESPACE, "-s", tmp_path / "approval.json.sig",
    ]  # fmt: skip
    data = (tmp_path / "approval.json").read_bytes()
    good = subprocess.run(command, input=data, capture_output=True, check=False)
    assert good.returncode == 0, good.stderr
    bad = subprocess.run(command, input=data + b" ", capture_output=True, check=False)
    assert bad.returncode != 0
