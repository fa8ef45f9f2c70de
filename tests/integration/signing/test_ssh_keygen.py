from __future__ import annotations

from pathlib import Path

import pytest

from airferry_foundation import process
from airferry_foundation.errors import PassphraseError
from airferry_signing import sshsig

pytestmark = pytest.mark.program("ssh-keygen")
MESSAGE = b'{"schema":"airferry.approval/v1"}'


def _key(folder: Path, kind: str, passphrase: str = "") -> Path:
    path = folder / f"{kind}-key"
    process.checked(
        ["ssh-keygen", "-q", "-t", kind, "-b", "256", "-N", passphrase, "-C", "a@b", "-f", path]
    )
    return path


def _accepts(folder: Path, public: sshsig.SshPublicKey, armored: bytes, message: bytes) -> bool:
    (folder / "allowed").write_text(f'anna namespaces="airferry-v1" {public.text}\n')
    (folder / "document.sig").write_bytes(armored)
    command = ["ssh-keygen", "-Y", "verify", "-n", "airferry-v1", "-I", "anna"]
    command += ["-f", str(folder / "allowed"), "-s", str(folder / "document.sig")]
    return process.run(command, input=message).code == 0


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_ssh_keygen_accepts_our_signatures_and_only_of_these_bytes(
    kind: str, tmp_path: Path
) -> None:
    private = sshsig.read_private(_key(tmp_path, kind))
    assert private.opened is not None
    armored = sshsig.sign(MESSAGE, private)
    assert _accepts(tmp_path, private.public, armored, MESSAGE)
    assert not _accepts(tmp_path, private.public, armored, MESSAGE + b" ")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
@pytest.mark.parametrize("hash_name", ["sha512", "sha256"])
def test_we_accept_the_signatures_of_ssh_keygen(kind: str, hash_name: str, tmp_path: Path) -> None:
    key = _key(tmp_path, kind)
    (tmp_path / "document").write_bytes(MESSAGE)
    command = ["ssh-keygen", "-Y", "sign", "-n", "airferry-v1", "-O", f"hashalg={hash_name}"]
    process.checked([*command, "-f", key, tmp_path / "document"])
    armored = (tmp_path / "document.sig").read_bytes()
    assert sshsig.verify(MESSAGE, armored, name="s") == sshsig.public_beside(key)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_a_key_with_a_passphrase_signs_through_ssh_keygen(kind: str, tmp_path: Path) -> None:
    private = sshsig.read_private(_key(tmp_path, kind, "opens it"), "opens it")
    assert private.opened is None
    armored = sshsig.sign(MESSAGE, private)
    assert sshsig.verify(MESSAGE, armored, name="s") == private.public
    assert _accepts(tmp_path, private.public, armored, MESSAGE)


def test_a_wrong_passphrase_is_named(tmp_path: Path) -> None:
    private = sshsig.read_private(_key(tmp_path, "ed25519", "opens it"), "does not")
    with pytest.raises(PassphraseError, match="ssh-keygen can't sign"):
        sshsig.sign(MESSAGE, private)


def test_ssh_keygen_reads_the_keys_that_we_make(tmp_path: Path) -> None:
    public = sshsig.generate(tmp_path / "key")
    told = process.checked(["ssh-keygen", "-l", "-f", tmp_path / "key.pub"]).decode()
    assert public.key_id in told
    assert process.checked(["ssh-keygen", "-y", "-f", tmp_path / "key"]).startswith(
        public.text.encode()
    )
