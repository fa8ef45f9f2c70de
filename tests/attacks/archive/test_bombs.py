"""Sizes, counts and ratios that would eat memory, time or disk."""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from pathlib import Path

import pytest

from airferry_archive import compression, frames, layout
from airferry_archive.carriage import Carriage
from airferry_archive.reader import BundleReader
from airferry_archive.release import Blob
from airferry_archive.tar_headers import TarHeader
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    blob_of,
    bundle_of,
    header_of,
    pieces,
    product_of,
    read_everything,
)
from airferry_fixtures.statements import Vendor
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import BundleMismatchError, DocumentError, TruncatedError

VENDOR = Vendor()
MTIME = 1_795_531_820


def opened(path: Path) -> None:
    with BundleReader.open(path):
        pass


def header_claiming(name: str, size: int, mtime: int = MTIME) -> bytes:
    block = TarHeader(name, size, mtime).encode()
    return frames.encode(block + bytes(512))


@pytest.mark.parametrize("size", [(5 << 20) + 1, 8**11 - 1, 1 << 60])
def test_a_header_file_that_claims_a_huge_size(tmp_path: Path, size: int) -> None:
    path = tmp_path / "b"
    path.write_bytes(header_claiming("release.json", size))
    with pytest.raises(BundleMismatchError, match="belongs here"):
        opened(path)


def test_endless_header_files(tmp_path: Path) -> None:
    path = tmp_path / "b"
    roots = b"".join(
        layout.encode_file(f"roots/{number}.json", bytes(60 << 10), MTIME)
        for number in range(1, 400)
    )
    path.write_bytes(layout.encode_file("release.json", b"{}", MTIME) + roots)
    with pytest.raises(BundleMismatchError, match="longer than 16,777,216"):
        opened(path)


def test_a_deeply_nested_release(tmp_path: Path) -> None:
    nested = b'{"schema":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    product = product_of()
    header = replace(header_of(VENDOR, product), release=nested)
    path = tmp_path / "b"
    path.write_bytes(
        b"".join(layout.encode_file(name, data, MTIME) for name, data in header.files(b""))
    )
    with BundleReader.open(path) as reader, pytest.raises(DocumentError):
        reader.release()


def _with_member(tmp_path: Path, member: bytes, content: bytes) -> Path:
    made = pieces(
        bundle_of(tmp_path / "b", VENDOR, product_of(blobs=[blob_of(content, TAR_LAYER)]))
    )
    path = tmp_path / "bomb"
    path.write_bytes(b"".join([*made[:-2], member, made[-1]]))
    return path


def test_a_frame_that_unfolds_to_gigabytes(tmp_path: Path) -> None:
    block = frames.block_header(frames.BLOCK, last=False, kind=frames.RLE) + b"\0"
    bomb = compression.FRAME_HEADER + block * 200 + frames.block_header(0, last=True)
    path = _with_member(tmp_path, bomb, b"small" * 10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BundleMismatchError, match="more than its 1,024 bytes"):
        read_everything(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20 << 10  # KiB


@pytest.mark.parametrize("log", range(24, 32))
def test_a_window_above_8_mib(tmp_path: Path, log: int) -> None:
    member = frames.MAGIC + bytes([0, (log - 10) << 3]) + frames.block_header(0, last=True)
    path = _with_member(tmp_path, member, b"small" * 10)
    with pytest.raises(BundleMismatchError, match="expected a frame"):
        read_everything(path)


def test_more_blocks_than_content_could_need(tmp_path: Path) -> None:
    member = compression.FRAME_HEADER + frames.block_header(0, last=False) * 100_000
    path = _with_member(tmp_path, member, b"small" * 10)
    started = time.monotonic()
    with pytest.raises(BundleMismatchError, match="longer than its content"):
        read_everything(path)
    assert time.monotonic() - started < 5


def test_a_blob_that_claims_eight_pebibytes(tmp_path: Path) -> None:
    claimed = Blob(
        digest=digest(b"y"), size=2**53 - 1, media_type=GZIP_LAYER, repositories=("acme/app",)
    )
    product = replace(product_of().changed(blobs=(claimed,)), contents={claimed.digest: b""})
    header = header_of(VENDOR, product)
    carriage = documents.decode(header.carriage, Carriage, name="carriage.json")
    arranged = layout.arrange(header, product.release, carriage)
    path = tmp_path / "b"
    path.write_bytes(arranged.first_frame + arranged.header_rest() + layout.END)
    with BundleReader.open(path) as reader, pytest.raises(TruncatedError):
        reader.bind(reader.release())
