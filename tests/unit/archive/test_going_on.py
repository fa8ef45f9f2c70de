"""Inside a big blob a killed build goes on behind the last whole frame."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from airferry_archive import frames
from airferry_archive.journal import journal_path, partial_path
from airferry_archive.release import Blob
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

FRAME = 1 << 20
SIZE = 3 * FRAME + 12345
PRODUCT = product_of(
    blobs=[blob_of(noise(SIZE, 1), GZIP_LAYER), blob_of(noise(SIZE, 2), TAR_LAYER)]
)
HEADER = header_of(Vendor(), PRODUCT)
RAW, PACKED = PRODUCT.release.blobs
if RAW.media_type != GZIP_LAYER:
    RAW, PACKED = PACKED, RAW


class Cut(Exception):  # noqa: N818 - stands for kill -9
    pass


@pytest.fixture(autouse=True)
def _small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FRAME", FRAME)


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    return write_bundle(tmp_path / "whole", HEADER, PRODUCT.contents).read_bytes()


def begin(path: Path, blob: Blob, count: int, step: int = 100_000) -> None:
    """Receive the first `count` bytes of a blob, then stop as if killed."""
    data = PRODUCT.contents[blob.digest]
    with suppress(Cut), BundleWriter.open(path, HEADER) as writer, writer.receive(blob) as sink:
        for at in range(sink.taken, count, step):
            sink.write(data[at : min(at + step, count)])
        raise Cut


def finish(path: Path) -> dict[str, int]:
    """Receive the rest; where each blob went on."""
    begun: dict[str, int] = {}
    with BundleWriter.open(path, HEADER) as writer:
        for blob in writer.missing():
            with writer.receive(blob) as sink:
                begun[blob.digest] = sink.taken
                sink.write(PRODUCT.contents[blob.digest][sink.taken :])
        writer.finish()
    return begun


@pytest.mark.parametrize("count", [0, 1000, FRAME - 513, FRAME - 512, FRAME, 2 * FRAME, SIZE - 1])
def test_a_raw_blob_goes_on_behind_its_last_frame(tmp_path: Path, whole: bytes, count: int) -> None:
    path = tmp_path / "b"
    begin(path, RAW, count)
    held = (count + 512) // FRAME  # a frame begins with the 512 bytes of the tar header
    assert finish(path)[RAW.digest] == (held * FRAME - 512 if held else 0)
    assert path.read_bytes() == whole
    assert not journal_path(path).exists()


def test_killed_again_and_again(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "b"
    for count in range(0, SIZE, 400_000):
        begin(path, RAW, count)
    assert finish(path)[RAW.digest] == 2 * FRAME - 512
    assert path.read_bytes() == whole


def test_a_compressed_blob_starts_anew(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "b"
    begin(path, PACKED, 2 * FRAME)
    assert finish(path)[PACKED.digest] == 0
    assert path.read_bytes() == whole


def offset_of_raw(path: Path) -> int:
    with BundleWriter.open(path, HEADER) as writer:
        offset = writer.layout.members[RAW.digest].offset
    assert offset is not None
    return offset


def change(path: Path, offset: int) -> None:
    data = bytearray(partial_path(path).read_bytes())
    data[offset] ^= 1
    partial_path(path).write_bytes(data)


@pytest.mark.parametrize("at", [0, 9, 20, frames.BLOCK + 20])
def test_a_front_that_can_not_be_its_own_is_not_taken(
    tmp_path: Path, whole: bytes, at: int
) -> None:
    path = tmp_path / "b"
    begin(path, RAW, 2 * FRAME)
    start = offset_of_raw(path)
    # a frame's magic, its size, the tar header; and the header of the second block
    change(path, start + (13 + frames.BLOCK if at > frames.BLOCK else at))
    assert finish(path)[RAW.digest] == 0
    assert path.read_bytes() == whole


def test_bytes_that_rotted_are_found_at_the_end_and_received_again(
    tmp_path: Path, whole: bytes
) -> None:
    path = tmp_path / "b"
    begin(path, RAW, 2 * FRAME)
    change(path, offset_of_raw(path) + 5000)
    data = PRODUCT.contents[RAW.digest]
    with BundleWriter.open(path, HEADER) as writer:
        receiving = writer.receive(RAW)
        sink = receiving.__enter__()
        assert sink.taken
        sink.write(data[sink.taken :])
        with pytest.raises(BundleMismatchError):
            receiving.__exit__(None, None, None)
        with writer.receive(RAW) as sink:
            assert sink.taken == 0
            sink.write(data)
    finish(path)
    assert path.read_bytes() == whole


def test_a_partial_file_that_lost_its_end(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "b"
    begin(path, RAW, 2 * FRAME)
    partial = partial_path(path)
    partial.write_bytes(partial.read_bytes()[: offset_of_raw(path) + FRAME])
    assert finish(path)[RAW.digest] == 0
    assert path.read_bytes() == whole
