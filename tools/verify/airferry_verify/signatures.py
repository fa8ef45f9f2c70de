"""Vendor keys and their signatures, judged by openssl.

A key is the PEM of an uncompressed P-256 point and has no other spelling; its id is the sha256 of
its DER. A signature is a Sigstore bundle v0.3 with a message signature, as cosign writes it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .documents import digest, expect_fields, plain
from .refusal import Refused, Unanswered

MAX_SIGNATURE = 16 << 10
MAX_SIGNATURES = 16
_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def key_id(pem: str, name: str) -> str:
    """The id of a key; refused unless it is a point on P-256 in its one spelling."""
    lines = pem.split("\n")
    try:
        der = base64.b64decode("".join(lines[1:-2]), validate=True)
    except binascii.Error:
        der = b""
    x, y = int.from_bytes(der[27:59], "big"), int.from_bytes(der[59:], "big")
    on_curve = max(x, y) < _P and (y * y - (x * x * x - 3 * x + _B)) % _P == 0
    if len(der) != 91 or der[:27] != _SPKI or not on_curve or _pem(der) != pem:
        raise Refused(f"{name} is not a P-256 public key in its one spelling")
    return digest(der)


def signer(document: bytes, signature: bytes, keys: dict[str, str], name: str) -> str | None:
    """The id of the key among `keys` (id to PEM) that signed these bytes; None if none did.

    Refused if the signature has another form, or is about other bytes.
    """
    claimed, value = _parse(signature, name)
    if claimed != hashlib.sha256(document).digest():
        raise Refused(f"{name} is a signature of another file")
    return next((one for one, pem in keys.items() if _verify(document, value, pem)), None)


def _parse(data: bytes, name: str) -> tuple[bytes, bytes]:
    if len(data) > MAX_SIGNATURE:
        raise Refused(f"{name} has {len(data)} bytes; at most {MAX_SIGNATURE} are allowed")
    content = plain(data, name)
    fields = ("mediaType", "verificationMaterial", "messageSignature")
    expect_fields(content, set(fields), name, set())
    material, message = content["verificationMaterial"], content["messageSignature"]
    expect_fields(material, {"publicKey"}, name, set())
    expect_fields(material["publicKey"], {"hint"}, name, set())
    expect_fields(message, {"messageDigest", "signature"}, name, set())
    expect_fields(message["messageDigest"], {"algorithm", "digest"}, name, set())
    kinds = (content["mediaType"], message["messageDigest"]["algorithm"])
    if kinds != (_MEDIA_TYPE, "SHA2_256"):
        raise Refused(f"{name} is not a signature of a file by a key")
    _base64(material["publicKey"]["hint"], name)  # hints decide nothing
    claimed = _base64(message["messageDigest"]["digest"], name)
    value = _base64(message["signature"], name)
    if len(claimed) != 32 or not 0 < len(value) <= 72:
        raise Refused(f"{name} holds a digest or signature of an impossible length")
    if not _is_ecdsa(value):
        raise Refused(f"{name} holds no ECDSA signature on P-256 in DER")
    return claimed, value


def _is_ecdsa(value: bytes) -> bool:
    """Whether this is the DER of two integers from 1 to n - 1: spelled again it is the same."""
    size = value[3] if len(value) > 3 else 0
    numbers = [int.from_bytes(one, "big") for one in (value[4 : 4 + size], value[6 + size :])]
    parts = [number.to_bytes(number.bit_length() // 8 + 1, "big") for number in numbers]
    spelled = b"".join(bytes([2, len(part)]) + part for part in parts)
    return all(0 < n < _ORDER for n in numbers) and value == bytes([48, len(spelled)]) + spelled


def _base64(text: Any, name: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        data = b""
    if not isinstance(text, str) or base64.b64encode(data).decode() != text:
        raise Refused(f"{name} holds what is not canonical base64")
    return data


def _pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def _verify(document: bytes, signature: bytes, pem: str) -> bool:
    openssl = shutil.which("openssl")
    if openssl is None:
        raise Unanswered("openssl is not on PATH: signatures can't be checked without it")
    with tempfile.TemporaryDirectory(prefix="airferry-verify-") as name:
        folder = Path(name)
        (folder / "key").write_text(pem, encoding="ascii")
        (folder / "signature").write_bytes(signature)
        command = [openssl, "dgst", "-sha256", "-verify", str(folder / "key")]
        done = subprocess.run(
            [*command, "-signature", str(folder / "signature")],
            input=document,
            capture_output=True,
            check=False,
        )
    return done.returncode == 0 and done.stdout.strip() == b"Verified OK"
