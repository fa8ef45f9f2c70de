"""Laws: one document, one spelling; versions are totally ordered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airferry_archive.release import Blob, Requires
from airferry_foundation import documents, versions
from airferry_foundation.errors import AirferryError

SIZES = st.integers(0, documents.MAX_INTEGER)
BLOBS = st.builds(
    Blob,
    digest=st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
    size=SIZES,
    media_type=st.just("application/octet-stream"),
    repositories=st.lists(st.from_regex(r"[a-z]{1,8}(/[a-z]{1,8})?", fullmatch=True)).map(tuple),
)
VERSIONS = st.from_regex(versions.PATTERN.removesuffix("$"), fullmatch=True).filter(
    lambda text: len(text) <= 64
)


@given(BLOBS)
def test_what_is_encoded_decodes_to_the_same(blob: Blob) -> None:
    assert documents.decode(documents.encode(blob), Blob, name="blob") == blob


@given(BLOBS, st.data())
def test_no_other_bytes_decode_to_the_same_document(blob: Blob, data: st.DataObject) -> None:
    good = documents.encode(blob)
    position = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[position] ^= data.draw(st.integers(1, 255))
    try:
        other = documents.decode(bytes(changed), Blob, name="blob")
    except AirferryError:
        return
    assert other != blob
    assert documents.encode(other) == bytes(changed)


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_refused_in_order(data: bytes) -> None:
    try:
        document = documents.decode(data, Requires, name="x")
    except AirferryError:
        return
    assert documents.encode(document) == data


@given(VERSIONS, VERSIONS)
def test_versions_are_totally_ordered(one: str, two: str) -> None:
    first, second = versions.parse(one), versions.parse(two)
    assert (first < second) + (second < first) + (first == second) == 1
    assert versions.within(first, f"<{two}") == (first < second)
