"""Vendor keys that are no files: in a key service, on a PKCS#11 token; reached by real cosign."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airferry_fixtures.commands import Ran, bundler
from airferry_fixtures.key_service import make_service, make_service_key
from airferry_fixtures.servers.programs import program
from airferry_fixtures.token import PIN, PROGRAMS, REFERENCE, Token, make_token
from airferry_foundation.digests import digest
from airferry_signing import roots
from airferry_signing.keys import read_public_key

pytestmark = pytest.mark.program("cosign")
on_a_token = pytest.mark.program(*PROGRAMS)


def ok(folder: Path, variables: dict[str, str], *arguments: str) -> Ran:
    done = bundler(*arguments, "--output", "json", folder=folder, environment=variables)
    assert done.code == 0, done.stderr
    return done


def whole_life(folder: Path, variables: dict[str, str], reference: str) -> None:
    """A root that lists the key behind a reference, signed with it; then that key is replaced."""
    named = [f"{role}={reference}" for role in roots.ROLES]
    options = [word for one in named for word in ("--key", one)]
    ok(folder, variables, "keys", "root", "init", "--product", "shop", *options)
    ok(folder, variables, "sign", "roots/1.json", "--key", reference)
    known = digest((folder / "roots/1.json").read_bytes())

    public = ok(folder, variables, "keys", "public", "--key", reference, "-o", "old.pub").answer
    key = read_public_key((folder / "old.pub").read_bytes(), name="old.pub")
    assert key.key_id == public["key"]

    ok(folder, variables, "keys", "generate", "--role", "root", "--name", "new", "-o", ".")
    ok(folder, variables, "keys", "root", "rotate", "old.pub=new.pub")
    for signer in (reference, "new.key"):
        ok(folder, variables, "sign", "roots/2.json", "--key", signer)
    chain = roots.pin(roots.read_folder(folder / "roots"), known)
    assert chain.number == 2
    assert key.key_id not in chain.newest.keys


def test_a_key_in_a_service(tmp_path: Path) -> None:
    service = make_service(tmp_path / "service")
    reference, key = make_service_key(service, "release")
    variables = {"PATH": f"{service}:{os.environ['PATH']}", "COSIGN_PASSWORD": "of files"}
    whole_life(tmp_path, variables, reference)
    root = roots.read_root((tmp_path / "roots/1.json").read_bytes(), "root 1")
    assert set(root.keys) == {key.key_id}


def test_a_service_that_can_not_be_reached(tmp_path: Path) -> None:
    done = bundler("keys", "public", "--key", "nothing-like-that://key", folder=tmp_path)
    assert done.code != 0
    assert "cosign" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def token(tmp_path: Path) -> Token:
    return make_token(tmp_path / "token")


@on_a_token
def test_a_key_on_a_token(token: Token, tmp_path: Path) -> None:
    """The token holds a certificate too: the signature is still by the key, which the root lists.

    The PIN goes to cosign by a variable, never by an argument.
    """
    whole_life(tmp_path, {**token.variables, "COSIGN_PASSWORD": "of files"}, REFERENCE)
    root = roots.read_root((tmp_path / "roots/1.json").read_bytes(), "root 1")
    assert set(root.keys) == {token.key.key_id}
    told = token.log.read_text()
    assert "sign-blob" in told
    assert PIN not in told


@on_a_token
def test_a_key_on_a_token_takes_the_place_of_a_file(token: Token, tmp_path: Path) -> None:
    variables = {**token.variables, "COSIGN_PASSWORD": "of files"}
    ok(tmp_path, variables, "keys", "generate", "--role", "root", "--name", "old", "-o", ".")
    options = [word for role in roots.ROLES for word in ("--key", f"{role}=old.pub")]
    ok(tmp_path, variables, "keys", "root", "init", "--product", "shop", *options)
    ok(tmp_path, variables, "keys", "root", "rotate", f"old.pub={REFERENCE}")
    ok(tmp_path, variables, "keys", "root", "rotate", f"{REFERENCE}=old.pub")
    second, third = (
        roots.read_root((tmp_path / f"roots/{number}.json").read_bytes(), f"root {number}")
        for number in (2, 3)
    )
    assert set(second.keys) == {token.key.key_id}
    assert not set(third.keys) & {token.key.key_id}


@on_a_token
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"COSIGN_PKCS11_PIN": "000000"}, "most tokens lock"),
        ({"COSIGN_PKCS11_PIN": ""}, "Set COSIGN_PKCS11_PIN to the PIN"),
        ({"COSIGN_PKCS11_MODULE_PATH": ""}, "Set COSIGN_PKCS11_MODULE_PATH"),
        ({"COSIGN_PKCS11_MODULE_PATH": "/nowhere.so"}, "/nowhere.so"),
    ],
    ids=["wrong PIN", "no PIN", "no module", "wrong module"],
)
def test_what_a_token_lacks_is_named(
    change: dict[str, str], said: str, token: Token, tmp_path: Path
) -> None:
    variables = {**token.variables, **change}
    words = ("keys", "public", "--key", REFERENCE)
    done = bundler(*words, folder=tmp_path, environment=variables)
    assert done.code != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pin_in_an_argument_is_refused_and_not_repeated(tmp_path: Path) -> None:
    for name in ("pin-value", "pin%2Dvalue"):
        words = ("keys", "public", "--key", f"{REFERENCE}?{name}={PIN}")
        done = bundler(*words, folder=tmp_path)
        assert done.code != 0
        assert "COSIGN_PKCS11_PIN" in done.stderr
        assert PIN not in done.stderr + done.stdout


def test_a_cosign_without_tokens_is_named(tmp_path: Path) -> None:
    """Releases of cosign come in both forms; the pinned one is without."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cosign").symlink_to(program("cosign"))
    variables = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    words = ("keys", "public", "--key", REFERENCE)
    done = bundler(*words, folder=tmp_path, environment=variables)
    assert done.code != 0
    assert "pkcs11key" in done.stderr or "COSIGN_PKCS11_MODULE_PATH" in done.stderr
