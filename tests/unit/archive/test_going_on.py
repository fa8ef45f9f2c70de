"""Going on inside a big blob, behind its last whole frame of 64 MiB."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from airferry_archive import frames
from airferry_archive.journal import journal_path, partial_path
from airferry_archive.writer import BundleWriter
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    blob_of,
    header_of,
    noise,
    product_of,
    write_bundle,
)
from airferry_fixtures.statements import Vendor
from airferry_foundation.errors import BundleMismatchError

BIG = noise(1 << 20) * 150
PRODUCT = product_of(blobs=[blob_of(BIG, GZIP_LAYER), blob_of(b"small", GZIP_LAYER)])
HEADER = header_of(Vendor(), PRODUCT)
FIRST = frames.FRAME - 512


class Cut(Exception):  # noqa: N818 - stands for a kill
    pass


def receive_part(path: Path, size: int) -> None:
    with suppress(Cut), BundleWriter.open(path, HEADER) as writer:
        (blob,) = (one for one in writer.missing() if one.size == len(BIG))
        with writer.receive(blob) as sink:
            for start in range(sink.taken, size, 1 << 20):
                sink.write(BIG[start : min(start + (1 << 20), size)])
            raise Cut


def finish(path: Path) -> list[int]:
    """Receive the rest; how many bytes of each blob were there already."""
    taken = []
    with BundleWriter.open(path, HEADER) as writer:
        for blob in writer.missing():
            with writer.receive(blob) as sink:
                taken.append(sink.taken)
                sink.write(memoryview(PRODUCT.contents[blob.digest])[sink.taken :])
        writer.finish()
    return sorted(taken)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("whole")
    return write_bundle(folder / "b", HEADER, PRODUCT.contents).read_bytes()


@pytest.mark.parametrize(
    ("received", "kept"),
    [
        (0, 0),
        (FIRST - 1, 0),
        (FIRST, FIRST),
        (FIRST + 1, FIRST),
        (140 << 20, FIRST + frames.FRAME),
        (len(BIG), FIRST + frames.FRAME),
    ],
)
def test_whole_frames_are_kept(tmp_path: Path, whole: bytes, received: int, kept: int) -> None:
    receive_part(tmp_path / "b", received)
    assert finish(tmp_path / "b") == [0, kept]
    assert (tmp_path / "b").read_bytes() == whole


def test_it_goes_on_as_often_as_it_is_killed(tmp_path: Path, whole: bytes) -> None:
    for received in (70 << 20, 90 << 20, 135 << 20):
        receive_part(tmp_path / "b", received)
    assert finish(tmp_path / "b") == [0, FIRST + frames.FRAME]
    assert (tmp_path / "b").read_bytes() == whole


def damage(path: Path, at: int) -> None:
    with partial_path(path).open("r+b") as file:
        file.seek(at)
        file.write(b"damage")


def test_a_front_whose_frames_are_damaged_begins_anew(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "b"
    receive_part(path, 70 << 20)
    with BundleWriter.open(path, HEADER) as writer:
        (member,) = (m for m in writer.layout.raw if m.blob.size == len(BIG))
    damage(path, member.offset or 0)
    assert finish(path) == [0, 0]
    assert path.read_bytes() == whole


def test_a_front_with_wrong_bytes_is_noticed_at_the_end_and_begins_anew(
    tmp_path: Path, whole: bytes
) -> None:
    path = tmp_path / "b"
    receive_part(path, 70 << 20)
    with BundleWriter.open(path, HEADER) as writer:
        (member,) = (m for m in writer.layout.raw if m.blob.size == len(BIG))
    damage(path, (member.offset or 0) + 5000)
    with BundleWriter.open(path, HEADER) as writer:
        with pytest.raises(BundleMismatchError), writer.receive(member.blob) as sink:
            sink.write(memoryview(BIG)[sink.taken :])
        with writer.receive(member.blob) as sink:
            assert sink.taken == 0
            sink.write(BIG)
    assert finish(path) == [0]
    assert path.read_bytes() == whole


def test_a_front_that_was_found_wrong_is_not_tried_by_the_next_call(
    tmp_path: Path, whole: bytes
) -> None:
    path = tmp_path / "b"
    receive_part(path, 70 << 20)
    with BundleWriter.open(path, HEADER) as writer:
        (member,) = (m for m in writer.layout.raw if m.blob.size == len(BIG))
    damage(path, (member.offset or 0) + 5000)
    with pytest.raises(BundleMismatchError):
        finish(path)
    assert finish(path)[-1] == 0
    assert path.read_bytes() == whole


def test_a_journal_that_claims_too_much_is_not_believed(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "b"
    receive_part(path, 1 << 20)
    (digest,) = (one for one, data in PRODUCT.contents.items() if len(data) == len(BIG))
    for claim in (b"1", b"2", b"3", b"999999999"):
        with journal_path(path).open("ab") as file:
            file.write(b"\n%s %s\n" % (digest.encode(), claim))
        with BundleWriter.open(path, HEADER) as writer:
            assert len(writer.missing()) == 2
    assert finish(path) == [0, 0]
    assert path.read_bytes() == whole


def test_compressed_blobs_begin_anew(tmp_path: Path) -> None:
    product = product_of(blobs=[blob_of(bytes(70 << 20), TAR_LAYER)])
    header = header_of(Vendor(), product)
    (data,) = product.contents.values()
    with suppress(Cut), BundleWriter.open(tmp_path / "b", header) as writer:
        (blob,) = writer.missing()
        with writer.receive(blob) as sink:
            sink.write(memoryview(data)[: 66 << 20])
            raise Cut
    with BundleWriter.open(tmp_path / "b", header) as writer:
        (blob,) = writer.missing()
        with writer.receive(blob) as sink:
            assert sink.taken == 0
            sink.write(data)
