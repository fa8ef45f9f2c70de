from __future__ import annotations

import pytest

from airferry_archive import selection
from airferry_archive.receipts import Need
from airferry_fixtures.simulator import small_product
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError

RELEASE = small_product().release
DIGEST = documents.digest_of(RELEASE)
ALL = sorted(blob.digest for blob in RELEASE.blobs)


def need(*blobs: str, release: str = DIGEST) -> Need:
    return Need(
        schema="airferry.need/v1", product="shop", version="1.1.0", release=release, blobs=blobs
    )


def test_what_the_base_holds_is_left_out() -> None:
    assert selection.without(RELEASE, ALL[1:]) == {ALL[0]}
    assert selection.without(RELEASE, [digest(b"foreign")]) == set(ALL)
    assert selection.without(RELEASE, ALL) == set()


def test_a_need_is_carried_to_the_digest() -> None:
    assert selection.only(RELEASE, DIGEST, need(*ALL[:2])) == set(ALL[:2])


def test_a_need_of_another_release_or_blob_is_refused() -> None:
    with pytest.raises(InputError, match=r"this release is shop 1\.1\.0"):
        selection.only(RELEASE, DIGEST, need(ALL[0], release=digest(b"other")))
    with pytest.raises(InputError, match="which its release does not"):
        selection.only(RELEASE, DIGEST, need(digest(b"foreign")))


def test_a_full_carriage_has_all_and_a_delta_what_is_wanted() -> None:
    full = selection.carriage_of(RELEASE, DIGEST)
    assert (full.kind, list(full.blobs)) == ("full", ALL)
    delta = selection.carriage_of(RELEASE, DIGEST, {ALL[2], ALL[0], digest(b"foreign")})
    assert (delta.kind, delta.blobs) == ("delta", (ALL[0], ALL[2]))
    assert selection.carriage_of(RELEASE, DIGEST, ()).blobs == ()
