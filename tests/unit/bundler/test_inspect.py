"""What `inspect` makes of a header: it judges by what the header itself carries."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from airferry_archive.header import Header
from airferry_bundler import inspect
from airferry_fixtures.signers import VendorKey, new_key, root_of, signed
from airferry_foundation.errors import DocumentError, MissingInputError
from airferry_signing.roots import SignedDocument

KEYS = (new_key(), new_key())
RELEASE = b'{"schema":"airferry.release/v1"}'


def header(*signers: VendorKey, roots: Mapping[int, SignedDocument] | None = None) -> Header:
    first = signed(root_of(KEYS, thresholds={"release": 2}), KEYS[0])
    return Header(
        release=RELEASE,
        signatures=tuple(key.sign(RELEASE) for key in signers),
        roots={1: first} if roots is None else roots,
        channel=None,
        carriage=b"",
        readme=b"",
        oci_layout=b"",
        index=b"",
    )


def test_signed_by_enough() -> None:
    root, signers, refusal = inspect._judge(header(*KEYS))
    assert (root, refusal) == (1, "")
    assert signers == tuple(sorted(key.key_id for key in KEYS))


@pytest.mark.parametrize("signers", [(), KEYS[:1], (KEYS[0], KEYS[0]), (KEYS[0], new_key())])
def test_signed_by_too_few(signers: tuple[VendorKey, ...]) -> None:
    _, named, refusal = inspect._judge(header(*signers))
    assert named == ()
    assert "of the 2 release keys" in refusal


def test_a_signature_of_other_bytes() -> None:
    other = dataclasses.replace(header(*KEYS), release=RELEASE + b" ")
    assert inspect._judge(other)[2]


def test_no_roots_and_a_broken_chain() -> None:
    assert inspect._judge(header(*KEYS, roots={}))[2] == "it carries no roots"
    second = signed(root_of(KEYS, number=2), new_key())
    chain = {1: signed(root_of(KEYS), KEYS[0]), 2: second}
    assert "root 2" in inspect._judge(header(*KEYS, roots=chain))[2]


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("release.json", b"{}", DocumentError),
        ("airferry.lock", b"{}", DocumentError),
        ("none", None, MissingInputError),
    ],
)
def test_files_that_hold_no_release(
    tmp_path: Path, name: str, data: bytes | None, error: type[Exception]
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(error):
        inspect.read_release(tmp_path / name)
