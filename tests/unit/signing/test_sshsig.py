from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from airferry_foundation.errors import InputError, SignatureError
from airferry_signing import ssh_keys, sshsig
from airferry_signing.ssh_wire import Reader, mpint, string

MESSAGE = b"a plan"


def _forged(key_blob: bytes, signature: bytes, *, namespace: bytes = b"airferry-v1") -> bytes:
    blob = b"SSHSIG" + (1).to_bytes(4, "big") + string(key_blob) + string(namespace)
    return sshsig._armor(blob + string(b"") + string(b"sha512") + string(signature))


def _hashed(namespace: bytes = b"airferry-v1") -> bytes:
    head = b"SSHSIG" + string(namespace) + string(b"") + string(b"sha512")
    return head + string(hashlib.sha512(MESSAGE).digest())


def test_a_generated_key_signs_and_is_private(tmp_path: Path) -> None:
    public = sshsig.generate(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert sshsig.public_beside(tmp_path / "key") == public
    private = sshsig.read_private(tmp_path / "key")
    assert sshsig.verify(MESSAGE, sshsig.sign(MESSAGE, private), name="s") == public


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    sshsig.generate(tmp_path / "key")
    with pytest.raises(InputError, match="exists already"):
        sshsig.generate(tmp_path / "key")


def test_a_private_key_does_not_show_itself(tmp_path: Path) -> None:
    sshsig.generate(tmp_path / "key")
    shown = repr(sshsig.read_private(tmp_path / "key", "secret words"))
    assert "secret words" not in shown
    assert "PrivateKey object" not in shown


def test_a_signature_for_another_namespace_is_refused() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    key = string(b"ssh-ed25519") + string(private.public_key().public_bytes_raw())
    signature = string(b"ssh-ed25519") + string(private.sign(_hashed(b"git")))
    with pytest.raises(SignatureError, match="namespace 'git'"):
        sshsig.verify(MESSAGE, _forged(key, signature, namespace=b"git"), name="s")


@pytest.mark.parametrize("flags", [0x00, 0x01, 0x05])
def test_a_hardware_key_counts_only_when_it_was_touched(flags: int) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    kind = b"sk-ecdsa-sha2-nistp256@openssh.com"
    key = string(kind) + string(b"nistp256") + string(point) + string(b"ssh:")
    rest = bytes([flags]) + (7).to_bytes(4, "big")
    told = hashlib.sha256(b"ssh:").digest() + rest + hashlib.sha256(_hashed()).digest()
    r, s = decode_dss_signature(private.sign(told, ec.ECDSA(hashes.SHA256())))
    signature = string(kind) + string(mpint(r) + mpint(s)) + rest
    if flags & 1:
        public = sshsig.verify(MESSAGE, _forged(key, signature), name="s")
        assert public.text.startswith("sk-ecdsa")
    else:
        with pytest.raises(SignatureError, match="was not touched"):
            sshsig.verify(MESSAGE, _forged(key, signature), name="s")


def test_a_hardware_ed25519_key_is_verified() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    kind = b"sk-ssh-ed25519@openssh.com"
    key = string(kind) + string(private.public_key().public_bytes_raw()) + string(b"ssh:")
    rest = b"\x01" + (7).to_bytes(4, "big")
    told = hashlib.sha256(b"ssh:").digest() + rest + hashlib.sha256(_hashed()).digest()
    signature = string(kind) + string(private.sign(told)) + rest
    assert sshsig.verify(MESSAGE, _forged(key, signature), name="s").key_id.startswith("SHA256:")


def test_rsa_keys_are_refused(tmp_path: Path) -> None:
    private = rsa.generate_private_key(65537, 2048)
    line = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    with pytest.raises(SignatureError, match="'ssh-rsa' is not accepted"):
        sshsig.read_public(line.decode())
    path = tmp_path / "rsa"
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    with pytest.raises(InputError, match="RSA"):
        sshsig.read_private(path)


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "x y z", "a b\nc d"])
def test_what_is_no_public_key_is_refused(line: str) -> None:
    with pytest.raises(SignatureError):
        sshsig.read_public(line)


def test_a_key_whose_name_is_not_its_kind_is_refused(tmp_path: Path) -> None:
    text = sshsig.generate(tmp_path / "key").text.replace("ssh-ed25519", "ecdsa-sha2-nistp256", 1)
    with pytest.raises(SignatureError, match="another way"):
        sshsig.read_public(text)


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff", b"x" * 9000])
def test_what_is_no_signature_is_refused(data: bytes) -> None:
    with pytest.raises(SignatureError):
        sshsig.verify(MESSAGE, data, name="plan.json.sig")


def test_bytes_after_the_signature_are_refused(tmp_path: Path) -> None:
    sshsig.generate(tmp_path / "key")
    armored = sshsig.sign(MESSAGE, sshsig.read_private(tmp_path / "key"))
    longer = sshsig._armor(sshsig._unarmor(armored) + b"\0")
    with pytest.raises(SignatureError, match="follows"):
        sshsig.verify(MESSAGE, longer, name="s")


def test_integers_have_one_spelling() -> None:
    for number in (0, 1, 127, 128, 255, 256, 2**255, 2**256 - 1):
        assert Reader(mpint(number)).mpint() == number
    for other in (b"\0\1", b"\xff", b"\0"):
        with pytest.raises(ValueError, match="spelling"):
            Reader(string(other)).mpint()


def test_a_point_off_the_curve_is_refused() -> None:
    blob = string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\4" + b"\1" * 64)
    line = f"ecdsa-sha2-nistp256 {base64.b64encode(blob).decode()}"
    with pytest.raises(SignatureError):
        ssh_keys.read_public(line)
