"""release.json is a function of the lock alone, and of nothing in it but the release."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airferry_archive.release import Audience, Blob, Image, MemberFile, Release
from airferry_bundler import lock as locks
from airferry_bundler.lock import Lock
from airferry_bundler.release import release_bytes, with_members
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import DocumentError, LockOutdatedError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"

names = st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True)
digests = st.binary(min_size=1, max_size=4).map(digest)
images = st.dictionaries(names, digests, max_size=5)


@st.composite
def releases(draw: st.DrawFn) -> Release:
    named = draw(images)
    made = Release(
        schema="airferry.release/v1",
        product=draw(names),
        version="1.0.0",
        epoch=draw(st.integers(1, 9)),
        release_counter=draw(st.integers(1, 1000)),
        security_floor=0,
        root_version=1,
        issued_at="2026-01-01T00:00:00Z",
        audience=Audience(customers=(draw(names),), environments="any"),
        platforms=("linux/amd64",),
        images=tuple(
            Image(name=f"r.example/{name}:1", digest=value, platforms={"linux/amd64": value})
            for name, value in sorted(named.items())
        ),
        blobs=tuple(
            Blob(digest=value, size=1, media_type=MANIFEST, repositories=("r.example/a",))
            for value in sorted(set(named.values()))
        ),
        members={},
    )  # fmt: skip
    return with_members(made)


@st.composite
def lock_documents(draw: st.DrawFn) -> Lock:
    return Lock(
        schema="airferry.lock/v1",
        spec=draw(digests),
        sources=draw(st.dictionaries(names, digests, max_size=3)),
        origins=draw(st.dictionaries(names, st.tuples(names), max_size=3)),
        unrendered=tuple(sorted(draw(st.sets(names, max_size=3)))),
        release=draw(releases()),
    )


@given(lock_documents())
def test_a_lock_survives_its_file(lock: Lock) -> None:
    assert locks.decode(locks.encode(lock)) == lock


@given(lock_documents(), lock_documents())
def test_only_the_release_in_it_counts(lock: Lock, other: Lock) -> None:
    moved = msgspec.structs.replace(other, release=lock.release)
    assert release_bytes(moved) == release_bytes(lock)


@given(lock_documents())
def test_the_bytes_are_a_release_that_reads_back(lock: Lock) -> None:
    data = release_bytes(locks.decode(locks.encode(lock)))
    assert documents.decode(data, Release, name="release.json") == lock.release


@given(lock_documents(), st.sampled_from(["README.txt", "index.json", "oci-layout"]))
def test_members_of_another_version_of_airferry(lock: Lock, name: str) -> None:
    members = {**lock.release.members, name: MemberFile(digest=digest(b"other"), size=5)}
    release = msgspec.structs.replace(lock.release, members=members)
    with pytest.raises(LockOutdatedError, match="another version of Airferry"):
        release_bytes(msgspec.structs.replace(lock, release=release))


@given(lock_documents(), st.data())
def test_any_changed_byte_of_a_lock_is_noticed_or_changes_it(
    lock: Lock, data: st.DataObject
) -> None:
    written = bytearray(locks.encode(lock))
    at = data.draw(st.integers(0, len(written) - 1))
    written[at] ^= data.draw(st.integers(1, 255))
    try:
        read = locks.decode(bytes(written))
    except DocumentError:
        return
    assert read != lock
