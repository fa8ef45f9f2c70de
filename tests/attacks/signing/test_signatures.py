"""Rows 2 and 3 of the threat table: unsigned, passed off, strangers, too few, twice, retired."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from airferry_archive.release import Release
from airferry_fixtures.signers import ISSUED_AT, bundle, new_key, root_of, signed
from airferry_foundation import documents, process
from airferry_foundation.digests import digest
from airferry_foundation.errors import DocumentError, RootError, SignatureError, ThresholdError
from airferry_signing import channel, cosign, keys, roots, sigstore_bundle, verifier
from airferry_signing.channel import Channel
from airferry_signing.cosign import Cosign
from airferry_signing.signature_files import SignedDocument

ONE, TWO, STRANGER = new_key(), new_key(), new_key()
ROOT = root_of([ONE, TWO], thresholds={"release": 2})
RELEASE = b'{"schema":"airferry.release/v1"}'
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _accept(document: SignedDocument, root: roots.Root = ROOT) -> frozenset[str]:
    return roots.accept(document, "release", root, name="release.json", cosign=None)


def test_two_holders_are_enough() -> None:
    assert _accept(signed(RELEASE, ONE, TWO)) == {ONE.key_id, TWO.key_id}


def test_unsigned() -> None:
    with pytest.raises(ThresholdError, match="0 of the 2 release keys"):
        _accept(signed(RELEASE))


def test_a_signature_stripped() -> None:
    with pytest.raises(ThresholdError, match="1 of the 2"):
        _accept(signed(RELEASE, TWO))


def test_a_stranger_does_not_count() -> None:
    with pytest.raises(ThresholdError, match="1 by a key that root 1 does not list"):
        _accept(signed(RELEASE, ONE, STRANGER))


def test_one_key_signs_twice() -> None:
    with pytest.raises(ThresholdError, match="1 again by the same key"):
        _accept(signed(RELEASE, ONE, ONE))


def test_one_signature_mirrored_into_two() -> None:
    first = ONE.sign(RELEASE)
    r, s = decode_dss_signature(sigstore_bundle.parse(first, name="s").signature)
    second = bundle(RELEASE, encode_dss_signature(r, ORDER - s))
    with pytest.raises(ThresholdError, match="1 again by the same key"):
        _accept(SignedDocument(RELEASE, (first, second)))


def test_one_key_listed_in_two_encodings() -> None:
    """A compressed key has another id: if taken, one holder would make a threshold of two."""
    point = ONE.private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    der = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    pem = (
        f"-----BEGIN PUBLIC KEY-----\n{base64.encodebytes(der).decode()}-----END PUBLIC KEY-----\n"
    )
    role = roots.Role(keys=(ONE.key_id, digest(der)), threshold=2)
    twin = msgspec.structs.replace(
        root_of([ONE]),
        keys={ONE.key_id: ONE.public.pem, digest(der): pem},
        roles=dict.fromkeys(roots.ROLES, role),
    )
    with pytest.raises(RootError, match="in another way"):
        roots.read_root(documents.encode(twin), "root 1")


def test_a_listed_key_whose_id_is_made_up() -> None:
    """The same key under a second, invented id."""
    made_up = digest(b"made up")
    role = roots.Role(keys=(ONE.key_id, made_up), threshold=2)
    twin = msgspec.structs.replace(
        root_of([ONE]),
        keys={ONE.key_id: ONE.public.pem, made_up: ONE.public.pem},
        roles=dict.fromkeys(roots.ROLES, role),
    )
    with pytest.raises(RootError, match="but its id is"):
        roots.read_root(documents.encode(twin), "root 1")


def test_a_retired_key() -> None:
    """ONE was in root 1 and signed then; root 2 knows it no more."""
    old, new = signed(root_of([ONE])), signed(root_of([TWO], number=2), ONE, TWO)
    chain = roots.extend(roots.pin(old, digest(old.document)), {2: new}, cosign=None)
    with pytest.raises(ThresholdError, match="root 2 does not list"):
        _accept(signed(RELEASE, ONE), chain.newest)


def test_a_key_of_another_role() -> None:
    holders = {"root": [ONE], "release": [TWO], "channel": [ONE], "ack": [ONE]}
    with pytest.raises(ThresholdError, match="for this role"):
        _accept(signed(RELEASE, ONE), root_of(holders))  # type: ignore[arg-type]


def test_a_signature_of_another_release() -> None:
    other = signed(b'{"schema":"airferry.release/v1","version":"6.6.6"}', ONE, TWO)
    with pytest.raises(SignatureError, match="of another file"):
        _accept(SignedDocument(RELEASE, other.signatures))


def test_a_digest_that_was_put_right_does_not_help() -> None:
    """The digest in a bundle is not authenticated: changed to fit, the signature still does not."""
    other = sigstore_bundle.parse(ONE.sign(b"another"), name="s")
    forged = bundle(RELEASE, other.signature)
    assert verifier.signer(RELEASE, forged, {"": ONE.public}, name="s", cosign=None) is None


def test_a_signature_of_another_document_type() -> None:
    """A channel statement that the right keys signed is no release: the schema says so."""
    said = Channel(
        schema="airferry.channel/v1",
        product="shop",
        epoch=1,
        sequence=1,
        newest_counter=1,
        newest_version="1.0.0",
        security_floor=0,
        issued_at=ISSUED_AT,
    )
    document = signed(said, ONE, TWO)
    assert _accept(document)
    with pytest.raises(DocumentError, match=r"expected 'airferry\.release/v1'"):
        documents.decode(document.document, Release, name="release.json")
    with pytest.raises(DocumentError, match=r"expected 'airferry\.channel/v1'"):
        channel.read(RELEASE)


def test_seventeen_signatures_are_not_even_looked_at() -> None:
    with pytest.raises(SignatureError, match="more than 16"):
        _accept(SignedDocument(RELEASE, (b"",) * 17))


def test_a_hint_that_names_another_key_changes_nothing() -> None:
    hint = base64.b64encode(bytes.fromhex(TWO.key_id[7:])).decode()
    as_two = signed(RELEASE, ONE).signatures[0].replace(b"aGludA==", hint.encode())
    with pytest.raises(ThresholdError, match="1 of the 2"):
        _accept(SignedDocument(RELEASE, (as_two,)))


@pytest.mark.program("cosign")
def test_an_attestation_passed_off_as_a_signature(tmp_path: Path) -> None:
    """cosign itself takes `attest-blob`'s bundle about a file for a signature of the file."""
    program = cosign.find()
    private, public = program.generate_key_pair(tmp_path / "vendor", "")
    key = keys.read_public_key(public.read_bytes(), name="vendor.pub")
    (tmp_path / "release.json").write_bytes(RELEASE)
    attestation = _attest(program, private, tmp_path)
    assert program.verify_blob(RELEASE, attestation, key)  # why our own parser comes first
    with pytest.raises(SignatureError, match="not a signature of a file"):
        verifier.signer(RELEASE, attestation, {"": key}, name="s", cosign=program)


def _attest(program: Cosign, private: Path, folder: Path) -> bytes:
    (folder / "predicate.json").write_text('{"verdict":"malware"}')
    with cosign._settings() as (settings, options):
        process.checked(
            [
                *(program.path, "attest-blob", "--yes", "--key", private, *options),
                *("--signing-config", settings / "services.json", "--type", "custom"),
                *("--predicate", folder / "predicate.json"),
                *("--bundle", folder / "attestation.json", folder / "release.json"),
            ],
            environment={"COSIGN_PASSWORD": ""},
        )
    return (folder / "attestation.json").read_bytes()
