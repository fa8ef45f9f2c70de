from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given
from hypothesis import strategies as st

from airferry_fixtures.signers import bundle, new_key, root_of, signed
from airferry_foundation.errors import AirferryError, SignatureError, ThresholdError
from airferry_signing import roots, sealing, sigstore_bundle, sshsig, verifier

KEYS = [new_key() for _ in range(5)]
KEY = KEYS[0]
KNOWN = {KEY.key_id: KEY.public}
DOCUMENT = b'{"schema":"airferry.release/v1","version":"1.4.0"}'
SIGNATURE = KEY.sign(DOCUMENT)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _flip(data: bytes, position: int, bits: int) -> bytes:
    changed = bytearray(data)
    changed[position % len(data)] ^= bits
    return bytes(changed)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_document_with_any_byte_flipped_is_refused(position: int, bits: int) -> None:
    with pytest.raises(SignatureError):
        verifier.signer(_flip(DOCUMENT, position, bits), SIGNATURE, KNOWN, name="r", cosign=None)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_signature_with_any_byte_flipped_is_refused_or_has_only_another_hint(
    position: int, bits: int
) -> None:
    changed = _flip(SIGNATURE, position, bits)
    with contextlib.suppress(SignatureError):
        who = verifier.signer(DOCUMENT, changed, KNOWN, name="r", cosign=None)
        claim = sigstore_bundle.parse(changed, name="r")
        assert who is None or claim == sigstore_bundle.parse(SIGNATURE, name="r")


@given(st.binary(max_size=300))
def test_no_bytes_make_the_parser_fail_otherwise(data: bytes) -> None:
    with pytest.raises(SignatureError):
        sigstore_bundle.parse(data, name="r")


@given(st.binary(min_size=1, max_size=100))
def test_the_mirrored_signature_is_as_good(document: bytes) -> None:
    claim = sigstore_bundle.parse(KEY.sign(document), name="r")
    r, s = decode_dss_signature(claim.signature)
    mirrored = bundle(document, encode_dss_signature(r, ORDER - s))
    assert verifier.signer(document, mirrored, KNOWN, name="r", cosign=None) == KEY.key_id


@given(
    st.lists(st.sampled_from(KEYS), max_size=8),
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=5, unique_by=lambda key: key.key_id),
    st.data(),
)
def test_a_threshold_counts_different_listed_keys_and_nothing_else(
    signers: list[object], listed: list[object], data: st.DataObject
) -> None:
    threshold = data.draw(st.integers(1, len(listed)))
    root = root_of(listed, thresholds={"release": threshold})  # type: ignore[arg-type]
    document = signed(DOCUMENT, *signers)  # type: ignore[arg-type]
    counted = {key.key_id for key in signers} & {key.key_id for key in listed}  # type: ignore[attr-defined]
    if len(counted) >= threshold:
        assert roots.accept(document, "release", root, name="r", cosign=None) == counted
    else:
        with pytest.raises(ThresholdError):
            roots.accept(document, "release", root, name="r", cosign=None)


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    path: Path = tmp_path_factory.mktemp("ssh") / "key"
    sshsig.generate(path)
    return DOCUMENT, sshsig.sign(DOCUMENT, sshsig.read_private(path))


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_an_ssh_signature_with_any_byte_flipped_is_refused_or_of_a_stranger(
    ssh: tuple[bytes, bytes], position: int, bits: int
) -> None:
    document, armored = ssh
    mine = sshsig.verify(document, armored, name="s")
    with pytest.raises(SignatureError):
        sshsig.verify(_flip(document, position, bits), armored, name="s")
    with contextlib.suppress(SignatureError):
        other = _flip(armored, position, bits)
        # Only the line ends of the armor can differ without changing what was said.
        assert sshsig.verify(document, other, name="s") == mine
        assert sshsig._unarmor(other) == sshsig._unarmor(armored)


@given(st.binary(max_size=2000), st.integers(0, 5000), st.integers(1, 255))
def test_sealed_data_opens_whole_or_not_at_all(data: bytes, position: int, bits: int) -> None:
    identity = sealing.new_identity()
    sealed = sealing.seal(data, [identity.recipient])
    assert sealing.unseal(sealed, identity.secret) == data
    for bad in (_flip(sealed, position, bits), sealed[: position % len(sealed)], sealed + b"\0"):
        with pytest.raises(AirferryError):
            sealing.unseal(bad, identity.secret)
