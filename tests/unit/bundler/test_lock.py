"""The lock document: its bytes, and when it is stale."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from airferry_archive.release import Audience, Release
from airferry_bundler import lock as locks
from airferry_bundler.lock import Lock
from airferry_bundler.spec import Audience as SpecAudience
from airferry_bundler.spec import ImageSource, Spec, SpecFile
from airferry_foundation.digests import digest
from airferry_foundation.errors import DocumentError, LockOutdatedError, MissingInputError

SPEC = Spec(
    product="shop",
    version="1.0.0",
    counter=1,
    audience=SpecAudience(customers=("acme", "other")),
    platforms=("linux/amd64", "linux/arm64"),
    images=("redis:7", ImageSource(ref="oci:layout:1", name="app")),
    files=("a.md", "b.md"),
)


def make(**changes: object) -> Lock:
    release = Release(
        schema="airferry.release/v1",
        product="shop",
        version="1.0.0",
        epoch=1,
        release_counter=1,
        security_floor=0,
        root_version=1,
        issued_at="2026-01-01T00:00:00Z",
        audience=Audience(customers="any", environments="any"),
        platforms=("linux/amd64",),
        blobs=(),
        members={},
    )
    made = Lock(
        schema="airferry.lock/v1",
        spec=locks.spec_digest(SPEC),
        sources={"a.md": digest(b"a"), "b.md": digest(b"b")},
        origins={"docker.io/library/redis": ("redis:7",)},
        release=release,
    )
    return msgspec.structs.replace(made, **changes)


def spec_file(folder: Path, spec: Spec = SPEC) -> SpecFile:
    return SpecFile(spec, folder / "airferry.yaml")


def test_written_and_read_back(tmp_path: Path) -> None:
    locks.write(tmp_path, make())
    assert locks.read(tmp_path) == make()
    assert b'\n  "origins": {\n' in (tmp_path / "airferry.lock").read_bytes()


def test_none_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"airferry\.lock does not exist"):
        locks.read(tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        locks.encode(make())[:-1],
        locks.encode(make()).replace(b"  ", b" "),
        locks.encode(make()).replace(b'"shop"', b'"sh\\u006fp"'),
        locks.encode(make()).replace(b"airferry.lock/v1", b"airferry.lock/v2"),
        locks.encode(make()).replace(b'"spec":', b'"spex":'),
    ],
)
def test_bytes_that_are_no_lock(data: bytes) -> None:
    with pytest.raises(DocumentError):
        locks.decode(data)


def test_fits_its_own_spec(tmp_path: Path) -> None:
    locks.expect_fit(make(), spec_file(tmp_path), make().sources)


@pytest.mark.parametrize(
    "change",
    [{"version": "1.0.1"}, {"counter": 2}, {"images": ()}, {"files": ("a.md",)}, {"epoch": 2}],
)
def test_another_spec_makes_it_stale(tmp_path: Path, change: dict[str, object]) -> None:
    changed = msgspec.structs.replace(SPEC, **change)
    with pytest.raises(LockOutdatedError, match=r"another airferry\.yaml"):
        locks.expect_fit(make(), spec_file(tmp_path, changed), make().sources)


@pytest.mark.parametrize(
    "sources",
    [
        {"a.md": digest(b"a"), "b.md": digest(b"changed")},
        {"a.md": digest(b"a")},
        {"a.md": digest(b"a"), "b.md": digest(b"b"), "c.md": digest(b"c")},
    ],
)
def test_another_file_makes_it_stale(tmp_path: Path, sources: dict[str, str]) -> None:
    with pytest.raises(LockOutdatedError, match=r"changed since .*: [bc]\.md"):
        locks.expect_fit(make(), spec_file(tmp_path), sources)
