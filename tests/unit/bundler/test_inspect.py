"""What `inspect` makes of a header: it judges by what the header itself carries."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from airferry_archive.header import Header
from airferry_bundler import inspect
from airferry_fixtures.signers import VendorKey, new_key, root_of, signed
from airferry_fixtures.simulator import bundle_of, header_of, small_product, write_bundle
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation.digests import digest
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


def test_a_channel_statement_is_judged_too_and_its_age_told(tmp_path: Path) -> None:
    vendor = Vendor()
    stated = channel_of(3, revoked=(digest(b"old"),), newest_version="1.4.0", security_floor=1)
    seen = inspect.inspect(bundle_of(tmp_path / "a.tar.zst", vendor, channel=stated))
    told = dict(seen.facts)["channel"]
    assert told.startswith("statement 3 of epoch 1, ")
    assert told.endswith(" old: newest 1.4.0 (counter 1), floor 1, 1 revoked")
    assert seen.content()["channel"]["sequence"] == 3
    assert seen.content()["channel"]["age_days"] >= 0
    assert seen.refusal == ""
    forged = signed(stated, new_key())
    header = dataclasses.replace(header_of(vendor, small_product()), channel=forged)
    seen = inspect.inspect(write_bundle(tmp_path / "b.tar.zst", header, small_product().contents))
    assert "channel.json is signed by 0 of the 2 channel keys" in seen.refusal


def test_no_channel_statement_is_said(tmp_path: Path) -> None:
    seen = inspect.inspect(bundle_of(tmp_path / "a.tar.zst"))
    assert "no statement" in dict(seen.facts)["channel"]
    assert seen.content()["channel"] is None


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
