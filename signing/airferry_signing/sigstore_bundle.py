"""The strict parser of a Sigstore bundle v0.3 that holds one signature of a blob by one key.

cosign accepts more than a signature of the file it is given: an attestation *about* the file, older
media types, urlsafe base64. Here there is one form, the one that `cosign sign-blob --key` writes:

    {"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
     "verificationMaterial": {"publicKey": {"hint": …}},
     "messageSignature": {"messageDigest": {"algorithm": "SHA2_256", "digest": …}, "signature": …}}

Source: sigstore/protobuf-specs, sigstore_bundle.proto, version 0.3.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from airferry_foundation.errors import SignatureError

MAX_BYTES = 16 << 10
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_MAX_SIGNATURE = 72  # bytes: the longest DER form of an ECDSA signature on P-256
_HINT = "Only what `cosign sign-blob --key` writes is a signature here; sign the file again."


@dataclass(frozen=True, slots=True)
class BlobSignature:
    """What a bundle claims: the sha256 of a file, and a DER signature. Both are unproven."""

    digest: bytes
    signature: bytes


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Base of the bundle's parts: every field is wanted, no other is allowed."""


class _PublicKey(_Part, frozen=True):
    hint: str


class _VerificationMaterial(_Part, frozen=True):
    public_key: _PublicKey


class _MessageDigest(_Part, frozen=True):
    algorithm: Literal["SHA2_256"]
    digest: str


class _MessageSignature(_Part, frozen=True):
    message_digest: _MessageDigest
    signature: str


class _Bundle(_Part, frozen=True):
    media_type: Literal["application/vnd.dev.sigstore.bundle.v0.3+json"]
    verification_material: _VerificationMaterial
    message_signature: _MessageSignature


def parse(data: bytes, *, name: str) -> BlobSignature:
    """The claim of a bundle; SignatureError if it has any other form than the one above.

    The key hint is checked for its form only: hints decide nothing.
    """
    if len(data) > MAX_BYTES:
        raise SignatureError(f"{name} has {len(data)} bytes; a signature has at most {MAX_BYTES}")
    try:
        bundle = msgspec.convert(_json(data), _Bundle, strict=True)
        _base64(bundle.verification_material.public_key.hint)
        digest = _base64(bundle.message_signature.message_digest.digest)
        signature = _base64(bundle.message_signature.signature)
    except (ValueError, RecursionError) as error:
        raise SignatureError(f"{name} is not a signature of a file: {error}", _HINT) from None
    if len(digest) != 32 or not 0 < len(signature) <= _MAX_SIGNATURE:
        raise SignatureError(f"{name} holds a digest or signature of an impossible length", _HINT)
    if not _is_ecdsa(signature):
        raise SignatureError(f"{name} holds no ECDSA signature on P-256 in DER", _HINT)
    return BlobSignature(digest=digest, signature=signature)


def _is_ecdsa(signature: bytes) -> bool:
    """Whether this is the DER of two integers from 1 to n - 1 (SEC 1, C.5; FIPS 186-5, 6.4.2)."""
    try:
        pair = decode_dss_signature(signature)
    except ValueError:
        return False
    return all(0 < value < _ORDER for value in pair) and encode_dss_signature(*pair) == signature


def _json(data: bytes) -> Any:
    """JSON with duplicate keys, constants and anything after the value refused (ValueError)."""
    return json.loads(
        data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def _base64(text: str) -> bytes:
    """Standard base64 with canonical padding (RFC 4648, section 4), else ValueError."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a value is not standard base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("a value is not canonical base64")
    return data
