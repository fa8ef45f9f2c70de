"""Each attack is a bundle by the project's own writer plus one change; nothing may hide in it."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest
import zstandard

from airferry_archive import compression, frames, layout, tar_headers
from airferry_archive.reader import BundleReader
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    blob_of,
    bundle_of,
    noise,
    pieces,
    product_of,
    read_everything,
)
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation.errors import AirferryError, BundleMismatchError, TruncatedError

VENDOR = Vendor()
MTIME = 1_795_531_820
PRODUCT = product_of(
    blobs=[
        blob_of(noise(3000), GZIP_LAYER),
        blob_of(noise(3001), GZIP_LAYER),
        blob_of(b"a layer " * 1000, TAR_LAYER),
        blob_of(b"another " * 1000, TAR_LAYER),
    ]
)
SKIPPABLE = bytes.fromhex("502a4d18") + (4).to_bytes(4, "little") + b"evil"
EMPTY_FRAME = frames.MAGIC + b"\x80\x38" + bytes(4) + frames.block_header(0, last=True)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("hidden")
    path = bundle_of(folder / "b", VENDOR, PRODUCT, channel=channel_of())
    found = pieces(path)
    assert b"".join(found) == path.read_bytes()
    assert len(found) == 14 + 4 + 1
    return found


def refused(tmp_path: Path, parts: list[bytes]) -> AirferryError:
    path = tmp_path / "forged"
    path.write_bytes(b"".join(parts))
    with pytest.raises((BundleMismatchError, TruncatedError)) as caught:
        read_everything(path)
    assert str(path) in caught.value.message
    return caught.value


def test_the_bundle_itself_is_accepted(tmp_path: Path, parts: list[bytes]) -> None:
    (tmp_path / "b").write_bytes(b"".join(parts))
    assert read_everything(tmp_path / "b") == PRODUCT.contents


PLACES = range(20)


@pytest.mark.parametrize("place", PLACES)
def test_an_extra_member(tmp_path: Path, parts: list[bytes], place: int) -> None:
    extra = layout.encode_file("blobs/sha256/" + "0" * 64, b"evil", MTIME)
    refused(tmp_path, [*parts[:place], extra, *parts[place:]])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "extra",
    [
        gzip.compress(b"evil", mtime=0),
        lzma.compress(b"evil"),
        SKIPPABLE,
        EMPTY_FRAME,
        zstandard.compress(b""),
        frames.encode(tar_headers.END),
        bytes(512),
    ],
    ids=["gzip", "xz", "skippable", "empty-raw", "empty-zstd", "second-end", "zeros"],
)
def test_an_extra_frame(tmp_path: Path, parts: list[bytes], place: int, extra: bytes) -> None:
    refused(tmp_path, [*parts[:place], extra, *parts[place:]])


@pytest.mark.parametrize("place", range(19))
def test_a_member_that_is_missing(tmp_path: Path, parts: list[bytes], place: int) -> None:
    refused(tmp_path, [*parts[:place], *parts[place + 1 :]])


@pytest.mark.parametrize("place", range(19))
def test_a_member_that_is_there_twice(tmp_path: Path, parts: list[bytes], place: int) -> None:
    refused(tmp_path, [*parts[: place + 1], *parts[place:]])


@pytest.mark.parametrize("first", range(18))
def test_members_in_another_order(tmp_path: Path, parts: list[bytes], first: int) -> None:
    swapped = [*parts]
    swapped[first], swapped[first + 1] = swapped[first + 1], swapped[first]
    refused(tmp_path, swapped)


@pytest.mark.parametrize("place", range(19))
def test_a_member_in_a_frame_of_another_kind(
    tmp_path: Path, parts: list[bytes], place: int
) -> None:
    content = zstandard.ZstdDecompressor().decompressobj().decompress(parts[place])
    other = zstandard.ZstdCompressor(level=1).compress(content)
    refused(tmp_path, [*parts[:place], other, *parts[place + 1 :]])


@pytest.mark.parametrize("place", range(19))
def test_a_member_cut_into_two_frames(tmp_path: Path, parts: list[bytes], place: int) -> None:
    content = zstandard.ZstdDecompressor().decompressobj().decompress(parts[place])
    two = frames.encode(content[:512]) + frames.encode(content[512:])
    refused(tmp_path, [*parts[:place], two, *parts[place + 1 :]])


def test_two_members_in_one_frame(tmp_path: Path, parts: list[bytes]) -> None:
    decode = zstandard.ZstdDecompressor().decompress
    one = frames.encode(decode(parts[14]) + decode(parts[15]))
    refused(tmp_path, [*parts[:14], one, *parts[16:]])


def test_smaller_raw_blocks(tmp_path: Path, parts: list[bytes]) -> None:
    content = zstandard.ZstdDecompressor().decompress(parts[14])
    lead = parts[14][:10]
    blocks = frames.block_header(512, last=False) + content[:512]
    rest = frames.block_header(len(content) - 512, last=True) + content[512:]
    refused(tmp_path, [*parts[:14], lead + blocks + rest, *parts[15:]])


@pytest.mark.parametrize("place", [0, 4, 13, 14, 15])
def test_padding_that_is_not_zero(tmp_path: Path, parts: list[bytes], place: int) -> None:
    changed = parts[place][:-1] + b"\x01"
    refused(tmp_path, [*parts[:place], changed, *parts[place + 1 :]])


def test_padding_that_is_not_zero_in_a_compressed_member(
    tmp_path: Path, parts: list[bytes]
) -> None:
    coder = zstandard.ZstdDecompressor().decompressobj()
    content = coder.decompress(parts[16])
    product = product_of(blobs=[blob_of(b"a layer" * 1000, TAR_LAYER)])
    size = len(next(iter(product.contents.values())))
    assert len(content) % 512 == 0
    assert size % 512
    path = bundle_of(tmp_path / "b", VENDOR, product)
    made = pieces(path)
    inner = zstandard.ZstdDecompressor().decompressobj().decompress(made[-2])
    dirty = compressed(inner[:-1] + b"\x01")
    error = refused(tmp_path, [*made[:-2], dirty, made[-1]])
    assert "padding is not zero" in error.message


def compressed(content: bytes) -> bytes:
    out: list[bytes] = []
    coder = compression.Compressor(len(content), lambda found: out.extend(map(bytes, found)))
    coder.write(memoryview(content))
    return b"".join(out)


def test_the_same_content_in_other_compressed_frames(tmp_path: Path, parts: list[bytes]) -> None:
    content = zstandard.ZstdDecompressor().decompressobj().decompress(parts[16])
    assert compressed(content) == parts[16]
    settings = zstandard.ZstdCompressionParameters.from_level(
        9, window_log=23, write_content_size=False
    )
    coder = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    other = coder.compress(content[:600])
    other += coder.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    other += coder.compress(content[600:]) + coder.flush()
    error = refused(tmp_path, [*parts[:16], other, *parts[17:]])
    assert "its frames have the digest" in error.message


@pytest.mark.parametrize(
    "tail", [b"\0", b"evil", bytes(10240), SKIPPABLE, gzip.compress(b"evil", mtime=0)]
)
def test_a_tail(tmp_path: Path, parts: list[bytes], tail: bytes) -> None:
    assert "follow the end" in refused(tmp_path, [*parts, tail]).message


def test_a_bundle_behind_a_bundle(tmp_path: Path, parts: list[bytes]) -> None:
    refused(tmp_path, parts * 2)


def test_no_end(tmp_path: Path, parts: list[bytes]) -> None:
    assert isinstance(refused(tmp_path, parts[:-1]), TruncatedError)


# --- tar headers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 3, 13, 14, 16])
@pytest.mark.parametrize(
    ("at", "field"),
    [
        (0, b"../../etc/cron.d/x\0"),
        (100, b"0004755"),  # mode: set user id
        (108, b"0001750"),  # uid
        (136, b"00000000000"),  # mtime
        (156, b"2"),  # type: symbolic link
        (157, b"/etc/passwd"),
        (265, b"root"),
        (345, b"prefix"),
        (500, b"evil"),
    ],
)
def test_another_tar_header(
    tmp_path: Path, parts: list[bytes], place: int, at: int, field: bytes
) -> None:
    coder = zstandard.ZstdDecompressor().decompressobj()
    content = coder.decompress(parts[place])
    block = bytearray(content[:512])
    block[at : at + len(field)] = field
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    encode = compressed if place == 16 else frames.encode
    forged = encode(bytes(block) + content[512:])
    refused(tmp_path, [*parts[:place], forged, *parts[place + 1 :]])


def test_two_tools_can_not_read_two_bundles_out_of_one_file(
    tmp_path: Path, parts: list[bytes]
) -> None:
    """What tar would stop at (an end in the middle) or pass over is no bundle for us."""
    early = [*parts[:14], parts[-1], *parts[14:]]
    refused(tmp_path, early)


def test_a_refused_blob_leaves_the_header_unharmed(tmp_path: Path, parts: list[bytes]) -> None:
    (tmp_path / "b").write_bytes(b"".join([*parts[:14], parts[15], parts[14], *parts[16:]]))
    with BundleReader.open(tmp_path / "b") as reader:
        reader.bind(reader.release())
        with pytest.raises(BundleMismatchError):
            reader.verify()
