from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from airferry_fixtures.signers import new_key
from airferry_foundation.errors import SignatureError
from airferry_signing.keys import read_public_key

PEM = serialization.Encoding.PEM
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def test_the_id_is_sha256_of_the_spki_der() -> None:
    key = new_key()
    der = key.private.public_key().public_bytes(serialization.Encoding.DER, SPKI)
    assert key.key_id == "sha256:" + hashlib.sha256(der).hexdigest()


def test_a_key_is_equal_to_itself_read_again() -> None:
    key = new_key().public
    assert read_public_key(key.pem.encode(), name="again") == key


@pytest.mark.parametrize(
    "other",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["p384", "secp256k1", "ed25519", "rsa"],
)
def test_other_kinds_of_keys_are_refused(other: ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(SignatureError, match=r"vendor\.pub is not an ECDSA P-256"):
        read_public_key(other.public_key().public_bytes(PEM, SPKI), name="vendor.pub")


def test_a_compressed_point_is_refused() -> None:
    point = (
        new_key()
        .private.public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    )
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    text = base64.encodebytes(head + point).decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n".encode()
    with pytest.raises(SignatureError, match="in another way"):
        read_public_key(pem, name="vendor.pub")


@pytest.mark.parametrize("change", [b"\n", b"# mine\n", b" "])
def test_bytes_around_a_key_are_refused(change: bytes) -> None:
    pem = new_key().public.pem.encode()
    for spelling in (pem + change, change + pem):
        with pytest.raises(SignatureError):
            read_public_key(spelling, name="vendor.pub")


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff" * 100, b"x" * 5000])
def test_what_is_no_key_is_refused(data: bytes) -> None:
    with pytest.raises(SignatureError):
        read_public_key(data, name="vendor.pub")


def test_a_private_key_is_no_public_key() -> None:
    private = new_key().private.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(SignatureError) as refused:
        read_public_key(private, name="vendor.pub")
    assert "private key, which goes nowhere" in (refused.value.hint or "")
