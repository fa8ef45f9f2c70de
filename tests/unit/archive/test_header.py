from __future__ import annotations

from dataclasses import replace

import pytest

from airferry_archive import header as headers
from airferry_fixtures.simulator import header_of, small_product
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation.errors import BundleMismatchError
from airferry_signing.roots import SignedDocument

HEADER = header_of(Vendor(), small_product(), channel=channel_of())
FILES = HEADER.files(b"sums")


def test_the_order_of_files_is_fixed() -> None:
    assert [name for name, _ in FILES] == [
        "release.json",
        "signatures/release.json.1.sigstore.json",
        "signatures/release.json.2.sigstore.json",
        "roots/1.json",
        "roots/1.json.1.sigstore.json",
        "roots/1.json.2.sigstore.json",
        "channel.json",
        "channel.json.1.sigstore.json",
        "channel.json.2.sigstore.json",
        "carriage.json",
        "README.txt",
        "SHA256SUMS",
        "oci-layout",
        "index.json",
    ]


def test_files_make_the_header_that_they_come_from() -> None:
    assert headers.header_of(FILES) == (HEADER, b"sums")


def test_roots_are_in_the_order_of_their_numbers() -> None:
    roots = {number: SignedDocument(b"%d" % number, ()) for number in (10, 2, 1)}
    many = replace(HEADER, roots=roots)
    names = [name for name, _ in many.files(b"") if name.startswith("roots/")]
    assert names == ["roots/1.json", "roots/2.json", "roots/10.json"]
    assert headers.header_of(many.files(b""))[0] == many


def test_a_release_may_be_unsigned_as_far_as_the_form_goes() -> None:
    bare = replace(HEADER, signatures=(), channel=None, roots={})
    assert headers.header_of(bare.files(b""))[0] == bare


@pytest.mark.parametrize(
    "name", ["release.json", "carriage.json", "README.txt", "SHA256SUMS", "oci-layout"]
)
def test_a_missing_file_is_named(name: str) -> None:
    with pytest.raises(BundleMismatchError, match=f"no {name}"):
        headers.header_of(tuple(file for file in FILES if file[0] != name))


@pytest.mark.parametrize("first", range(len(FILES) - 1))
def test_two_files_in_the_other_order_are_refused(first: int) -> None:
    swapped = [*FILES]
    swapped[first], swapped[first + 1] = swapped[first + 1], swapped[first]
    with pytest.raises(BundleMismatchError, match="out of place"):
        headers.header_of(tuple(swapped))


@pytest.mark.parametrize("number", range(len(FILES)))
def test_a_file_that_is_there_twice_is_refused(number: int) -> None:
    with pytest.raises(BundleMismatchError, match="out of place"):
        headers.header_of((*FILES[:number], FILES[number], *FILES[number:]))


@pytest.mark.parametrize(
    "name",
    [
        "signatures/release.json.4.sigstore.json",  # 3 is missing
        "roots/2.json.1.sigstore.json",  # its root is missing
    ],
)
def test_a_signature_without_its_place_is_refused(name: str) -> None:
    with pytest.raises(BundleMismatchError, match="out of place"):
        headers.header_of((*FILES[:3], (name, b"{}"), *FILES[3:]))


def test_more_roots_than_64_are_refused() -> None:
    roots = {number: SignedDocument(b"{}", ()) for number in range(1, 66)}
    with pytest.raises(BundleMismatchError, match="65 roots"):
        headers.header_of(replace(HEADER, roots=roots).files(b""))


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "../release.json",
        "/release.json",
        "RELEASE.JSON",
        "release.json\n",
        "roots/0.json",
        "roots/01.json",
        "roots/9999999.json",
        "signatures/release.json.0.sigstore.json",
        "signatures/release.json.17.sigstore.json",
        "blobs/sha256/" + "0" * 64,
    ],
)
def test_no_other_names_are_known(name: str) -> None:
    assert headers.cap_of(name) is None


def test_every_file_has_a_cap_and_together_they_are_small() -> None:
    caps = {name: headers.cap_of(name) for name, _ in FILES}
    assert all(cap is not None and 0 < cap <= 5 << 20 for cap in caps.values())
    assert caps["signatures/release.json.1.sigstore.json"] == 16 << 10
    assert caps["roots/1.json"] == 64 << 10
