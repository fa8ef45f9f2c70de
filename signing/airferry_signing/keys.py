"""The vendor's public keys: ECDSA on P-256, with an id that is always computed anew.

A key has one spelling: the PEM of its uncompressed SubjectPublicKeyInfo as we serialise it. What
differs from that is refused, since the same point in two encodings would count as two keys.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airferry_foundation.digests import digest
from airferry_foundation.errors import SignatureError

MAX_PEM_BYTES = 1024
_ALGORITHM = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A P-256 public key: its one PEM spelling, and `sha256:<hex>` of its SPKI DER."""

    pem: str
    key_id: str

    def verify(self, message: bytes, signature_der: bytes) -> bool:
        """Whether a DER-encoded ECDSA signature (FIPS 186-5) of `message` is by this key."""
        try:
            _load(self.pem.encode()).verify(signature_der, message, _ALGORITHM)
        except InvalidSignature:
            return False
        return True


def read_public_key(pem: bytes, *, name: str) -> PublicKey:
    """The key in a PEM file; SignatureError if it is no P-256 key or spelt in another way."""
    if len(pem) > MAX_PEM_BYTES:
        raise SignatureError(f"{name} is no public key: it has {len(pem)} bytes")
    try:
        key = _load(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = b"PRIVATE KEY" in pem
        raise SignatureError(
            f"{name} is not an ECDSA P-256 public key in PEM form",
            "It holds a private key, which goes nowhere: give the .pub beside it."
            if private
            else "Make vendor keys with `airferry-bundler keys generate`.",
        ) from None
    spelling, der = _spell(key)
    if spelling != pem:
        raise SignatureError(
            f"{name} spells its key in another way (compressed, parameters, line ends, comments)",
            "Write it anew: openssl pkey -pubin -in KEY -out KEY.pub",
        )
    return PublicKey(pem=spelling.decode(), key_id=digest(der))


def _load(pem: bytes) -> ec.EllipticCurvePublicKey:
    key = serialization.load_pem_public_key(pem)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise TypeError("not a P-256 key")
    return key


def _spell(key: ec.EllipticCurvePublicKey) -> tuple[bytes, bytes]:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = key.public_bytes(serialization.Encoding.PEM, form)
    return pem, key.public_bytes(serialization.Encoding.DER, form)
