from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from airferry_fixtures.signers import bundle, bundle_parts, new_key
from airferry_foundation.errors import SignatureError
from airferry_signing.sigstore_bundle import MAX_BYTES, parse

DOCUMENT = b"a document"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
GOOD = encode_dss_signature(5, ORDER - 1)
Parts = dict[str, Any]


def _parts() -> Parts:
    return bundle_parts(DOCUMENT, GOOD)


def _put(*path: str, value: Any) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        for step in path[:-1]:
            parts = parts[step]
        parts[path[-1]] = value

    return change


def _drop(*path: str) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        for step in path[:-1]:
            parts = parts[step]
        del parts[path[-1]]

    return change


def test_what_cosign_writes_is_read() -> None:
    claim = parse(new_key().sign(DOCUMENT), name="s")
    assert claim.digest == hashlib.sha256(DOCUMENT).digest()
    assert claim.signature[0] == 0x30


def test_spaces_between_values_do_not_matter() -> None:
    parse(json.dumps(_parts(), indent=3).encode(), name="s")


CHANGES = {
    "media type of v0.1": _put(
        "mediaType", value="application/vnd.dev.sigstore.bundle+json;version=0.1"
    ),
    "media type in capitals": _put(
        "mediaType", value="application/vnd.dev.sigstore.bundle.V0.3+json"
    ),
    "no media type": _drop("mediaType"),
    "no digest": _drop("messageSignature", "messageDigest"),
    "null digest": _put("messageSignature", "messageDigest", value=None),
    "no signature": _drop("messageSignature", "signature"),
    "empty signature": _put("messageSignature", "signature", value=""),
    "signature as a list": _put("messageSignature", "signature", value=["MEU="]),
    "other hash": _put("messageSignature", "messageDigest", "algorithm", value="SHA2_512"),
    "short digest": _put("messageSignature", "messageDigest", "digest", value="AAAA"),
    "certificate": _put("verificationMaterial", "certificate", value={"rawBytes": "AAAA"}),
    "log entries": _put("verificationMaterial", "tlogEntries", value=[]),
    "timestamps": _put("verificationMaterial", "timestampVerificationData", value={}),
    "DSSE beside it": _put("dsseEnvelope", value={}),
    "unknown field": _put("messageSignature", "note", value="x"),
    "snake case": _put("message_signature", value={}),
    "urlsafe base64": _put("messageSignature", "signature", value="__--"),
    "no padding": _put("messageSignature", "signature", value="MEU"),
    "loose padding": _put("messageSignature", "signature", value="MEV="),
    "newline in base64": _put("messageSignature", "signature", value="MEUC\n"),
    "hint is no base64": _put("verificationMaterial", "publicKey", "hint", value="!"),
    "long signature": _put(
        "messageSignature", "signature", value=base64.b64encode(b"0" * 73).decode()
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_any_other_form_is_refused(change: Callable[[Parts], None]) -> None:
    parts = _parts()
    change(parts)
    with pytest.raises(SignatureError, match=r"release\.json\.1"):
        parse(json.dumps(parts).encode(), name="release.json.1")


NO_ECDSA = {
    "zeros": encode_dss_signature(0, 0),
    "r is zero": encode_dss_signature(0, 5),
    "s is the order": encode_dss_signature(5, ORDER),
    "a byte behind": GOOD + b"\0",
    "a byte too few": GOOD[:-1],
    "negative": bytes.fromhex("3006020180020105"),
    "a needless zero": bytes.fromhex("300702020001020105"),
    "a longer length": bytes.fromhex("308106020101020105"),
    "indefinite": bytes.fromhex("30800201010201050000"),
    "three numbers": bytes.fromhex("3009020101020105020101"),
    "r and s without DER": b"\x05" * 64,
    "one byte": b"0",
}


def test_the_largest_and_smallest_numbers_are_a_form() -> None:
    assert parse(bundle(b"", GOOD), name="s").signature == GOOD


@pytest.mark.parametrize("signature", NO_ECDSA.values(), ids=NO_ECDSA.keys())
def test_what_can_be_no_signature_on_the_curve_is_refused(signature: bytes) -> None:
    with pytest.raises(SignatureError, match="holds no ECDSA signature on P-256 in DER"):
        parse(bundle(b"", signature), name="s")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"base64Signature":"MEUC"}',
        b"\xff\xfe{}",
        json.dumps(bundle_parts(b"", b"0")).encode("utf-16"),
        b"[" * 8000,
        b'{"a":' * 3000,
        b" " * (MAX_BYTES + 1),
        b"NaN",
    ],
    ids=range(11),
)
def test_what_is_no_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(SignatureError):
        parse(data, name="s")


def test_anything_after_the_bundle_is_refused() -> None:
    whole = json.dumps(_parts()).encode()
    for tail in (b"{}", b"\0", b",", whole):
        with pytest.raises(SignatureError):
            parse(whole + tail, name="s")


def test_a_key_that_stands_twice_is_refused() -> None:
    whole = json.dumps(_parts())
    twice = whole.replace('"signature":', '"signature": "MEUC", "signature":')
    with pytest.raises(SignatureError, match="twice"):
        parse(twice.encode(), name="s")
