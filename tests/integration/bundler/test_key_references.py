"""Vendor keys that are no files: in a key service, on a PKCS#11 token; reached by real cosign."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from airferry_fixtures.commands import Ran, bundler
from airferry_fixtures.key_service import make_service, make_service_key
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_signing import roots
from airferry_signing.keys import read_public_key

pytestmark = pytest.mark.program("cosign")


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


def test_a_key_on_a_token(tmp_path: Path) -> None:
    """Needs Debian's softhsm2, and a cosign that was built with PKCS#11 (`-tags pkcs11key`, cgo).

    The pinned cosign is built without, since releases of cosign come in both forms: name one by
    AIRFERRY_COSIGN_PKCS11, and SoftHSM's module by SOFTHSM2_MODULE.
    """
    cosign, module = (os.environ.get(k) for k in ("AIRFERRY_COSIGN_PKCS11", "SOFTHSM2_MODULE"))
    tool = shutil.which("softhsm2-util")
    if not cosign or not module or tool is None:
        pytest.skip("needs softhsm2-util, SOFTHSM2_MODULE and AIRFERRY_COSIGN_PKCS11")
    (tmp_path / "tokens").mkdir()
    settings = tmp_path / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tmp_path}/tokens\nobjectstore.backend = file\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cosign").symlink_to(cosign)
    variables = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SOFTHSM2_CONF": str(settings),
        "COSIGN_PKCS11_MODULE_PATH": module,
        "COSIGN_PKCS11_PIN": "1234",
        "COSIGN_PASSWORD": "of files",
    }
    _, key = make_service_key(tmp_path, "release")
    token = ("--module", module, "--token", "vendor", "--pin", "1234")
    made = ("--init-token", "--free", "--label", "vendor", "--pin", "1234", "--so-pin", "12345678")
    for words in (
        ("--module", module, *made),
        (*token, "--import", str(tmp_path / "release.pem"), "--label", "release", "--id", "A1"),
    ):
        subprocess.run([tool, *words], check=True, env={**os.environ, **variables})
    whole_life(tmp_path, variables, "pkcs11:token=vendor;object=release")
    root = roots.read_root((tmp_path / "roots/1.json").read_bytes(), "root 1")
    assert set(root.keys) == {key.key_id}
    assert documents.encode(root) == (tmp_path / "roots/1.json").read_bytes()


def test_a_cosign_without_tokens_is_named(tmp_path: Path) -> None:
    words = ("keys", "public", "--key", "pkcs11:token=vendor;object=release")
    done = bundler(*words, folder=tmp_path)
    assert done.code != 0
    if "unimplemented" in done.stderr:  # as the pinned one is
        assert "pkcs11key" in done.stderr
