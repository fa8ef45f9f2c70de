from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_bundler import cli
from airferry_bundler.cli import COMMANDS
from airferry_bundler.cli.app import app
from airferry_foundation import process
from airferry_foundation.console.commands import run
from airferry_foundation.digests import digest
from airferry_signing import roots

pytestmark = [pytest.mark.program("cosign"), pytest.mark.usefixtures("keep_signals")]
Call = Callable[..., tuple[int, list[dict[str, object]]]]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Runs a command of the vendor's in a folder of its own; exit code and JSON answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COSIGN_PASSWORD", "opens it")
    assert {"keys", "sign"} <= set(COMMANDS)
    for command in ("keys", "sign"):
        __import__(f"{cli.__name__}.{command}")

    def called(*arguments: str) -> tuple[int, list[dict[str, object]]]:
        with pytest.raises(SystemExit) as left:
            run(app, [*arguments, "--output", "json"])
        told = capsys.readouterr()
        lines = (told.out + told.err).splitlines()
        return int(str(left.value.code)), [json.loads(line) for line in lines]

    return called


def _first_root(call: Call) -> str:
    for role in ("root", "channel", "ack"):
        assert call("keys", "generate", "--role", role, "-o", "keys")[0] == 0
    for name in ("release-1", "release-2"):
        assert call("keys", "generate", "--role", "release", "--name", name, "-o", "keys")[0] == 0
    named = [f"{role}=keys/{role}.pub" for role in ("root", "channel", "ack")]
    named += ["release=keys/release-1.pub", "release=keys/release-2.pub"]
    options = [part for one in named for part in ("--key", one)]
    code, (made,) = call(
        "keys", "root", "init", "--product", "shop", *options, "--threshold", "release=2"
    )
    assert code == 0
    return str(made["fingerprint"])


def test_from_keys_to_a_chain_of_two_roots(call: Call) -> None:
    fingerprint = _first_root(call)
    assert fingerprint == digest(Path("roots/1.json").read_bytes())
    assert call("keys", "root", "show")[0] == 1  # not signed yet
    code, (signed,) = call("sign", "roots/1.json", "--key", "keys/root.key")
    assert (code, signed["signatures"], signed["number"]) == (0, 1, "1")
    assert call("keys", "root", "show")[0] == 0

    retire = ["--retire", "keys/release-1.pub", "--threshold", "release=1", "--new-epoch"]
    assert call("keys", "root", "add", *retire)[0] == 0
    assert call("sign", "roots/2.json", "--key", "keys/root.key")[0] == 0
    chain = roots.pin(roots.read_folder(Path("roots")), fingerprint)
    assert (chain.number, chain.newest.epoch) == (2, 2)
    assert len(chain.newest.roles["release"].keys) == 1


def test_a_telemetry_key_is_one_that_age_knows(call: Call) -> None:
    code, (made,) = call("keys", "generate", "--role", "telemetry", "-o", "keys")
    assert code == 0
    private = Path(str(made["private"]))
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert Path(str(made["public"])).read_text().strip() == made["key"]


@pytest.mark.program("age")
def test_age_opens_with_a_generated_telemetry_key(call: Call) -> None:
    _, (made,) = call("keys", "generate", "--role", "telemetry", "-o", "keys")
    sealed = process.checked(["age", "-r", str(made["key"])], input=b"words")
    Path("x.age").write_bytes(sealed)
    assert process.checked(["age", "-d", "-i", str(made["private"]), "x.age"]) == b"words"


def test_signing_again_with_one_key_is_refused(call: Call) -> None:
    _first_root(call)
    call("sign", "roots/1.json", "--key", "keys/root.key")
    code, told = call("sign", "roots/1.json", "--key", "keys/root.key")
    assert code == 10
    assert "signed by this key already" in str(told[-1]["message"])


def test_a_document_of_no_known_kind_is_not_signed(call: Call) -> None:
    Path("note.json").write_text('{"schema":"note/v1"}')
    assert call("sign", "note.json", "--key", "keys/root.key")[0] == 12
    assert not Path("note.json.1.sigstore.json").exists()


def test_a_wrong_passphrase(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    _first_root(call)
    monkeypatch.setenv("COSIGN_PASSWORD", "does not")
    assert call("sign", "roots/1.json", "--key", "keys/root.key")[0] == 16


def test_no_passphrase_and_no_terminal(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COSIGN_PASSWORD")
    assert call("keys", "generate", "--role", "root", "-o", "keys")[0] == 16
    assert not list(Path("keys").glob("*.key"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--key", "boss=x.pub"),
        ("--key", "root"),
        ("--threshold", "release=many"),
        ("--accept", "sha256:1"),
        ("--retire", "x.pub"),
    ],
)
def test_options_that_cannot_be_read_are_named(call: Call, arguments: tuple[str, ...]) -> None:
    code, (told,) = call("keys", "root", "add", *arguments)
    assert code in (10, 13)
    assert any(part in str(told["message"]) for part in arguments[1].split("="))
