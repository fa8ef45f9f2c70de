from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import zstandard

from airferry_archive import compression, frames
from airferry_archive.cursor import Cursor
from airferry_fixtures.simulator import noise
from airferry_foundation.errors import AirferryError, BundleMismatchError, TruncatedError
from airferry_foundation.positioned import Buffer, reading

TEXT = b"".join(b"line %d of a text that compresses\n" % number for number in range(40_000))


def compressed(content: bytes, step: int = 1 << 20) -> bytes:
    out: list[bytes] = []

    def emit(buffers: Sequence[Buffer]) -> None:
        out.extend(bytes(buffer) for buffer in buffers)

    coder = compression.Compressor(len(content), emit)
    for start in range(0, len(content), step):
        coder.write(memoryview(content)[start : start + step])
    return b"".join(out)


@pytest.fixture
def decoded(tmp_path: Path) -> Callable[..., bytes]:
    def decode(data: bytes, length: int) -> bytes:
        path = tmp_path / "frames"
        path.write_bytes(data)
        with reading(path) as file:
            walked = compression.end_of(file, 0, length, "m")
            cursor = Cursor(file)
            content = b"".join(map(bytes, compression.decode(cursor, length, "m")))
            assert cursor.offset == walked
            return content

    return decode


@pytest.mark.parametrize("content", [b"x" * 512, TEXT, noise(300_000), bytes(5 << 20)])
def test_what_is_compressed_comes_back(content: bytes, decoded: Callable[..., bytes]) -> None:
    assert decoded(compressed(content), len(content)) == content


@pytest.mark.parametrize("step", [1, 977, 131_072, 1 << 20, 3 << 20])
def test_pieces_of_any_size_give_the_same_bytes(step: int) -> None:
    content = TEXT[: 50_000 if step == 1 else None]
    assert compressed(content, step) == compressed(content)


def test_every_frame_begins_with_the_same_six_bytes_and_a_window_of_8_mib() -> None:
    for content in (b"x" * 512, TEXT, noise(2000)):
        data = compressed(content)
        assert data[:6] == compression.FRAME_HEADER
        assert zstandard.get_frame_parameters(data).window_size == 8 << 20


def test_content_over_64_mib_is_cut_into_frames(decoded: Callable[..., bytes]) -> None:
    content = bytes(frames.FRAME) + b"the rest" * 64
    data = compressed(content)
    assert data.count(compression.FRAME_HEADER) == 2
    assert decoded(data, len(content)) == content


def test_a_frame_that_ends_early_is_truncated(decoded: Callable[..., bytes]) -> None:
    data = compressed(TEXT)
    for end in range(0, len(data), 501):
        with pytest.raises(TruncatedError):
            decoded(data[:end], len(TEXT))


def test_more_or_less_content_than_expected_is_refused(decoded: Callable[..., bytes]) -> None:
    for length in (len(TEXT) - 1, len(TEXT) + 1, 1, 3 * len(TEXT)):
        with pytest.raises(BundleMismatchError):
            decoded(compressed(TEXT), length)


def _frame(content: bytes, **options: object) -> bytes:
    parameters = {"window_log": 23, "write_content_size": False, **options}
    settings = zstandard.ZstdCompressionParameters.from_level(3, **parameters)
    coder = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    return coder.compress(content) + coder.flush()


@pytest.mark.parametrize(
    "options",
    [
        {"window_log": 24},
        {"window_log": 27},
        {"window_log": 20},
        {"write_checksum": True},
    ],
)
def test_another_frame_header_is_refused(
    options: dict[str, object], decoded: Callable[..., bytes]
) -> None:
    assert decoded(_frame(TEXT), len(TEXT)) == TEXT
    with pytest.raises(BundleMismatchError, match="expected a frame"):
        decoded(_frame(TEXT, **options), len(TEXT))


def test_a_single_segment_is_refused(decoded: Callable[..., bytes]) -> None:
    with pytest.raises(BundleMismatchError, match="expected a frame"):
        decoded(zstandard.ZstdCompressor().compress(TEXT), len(TEXT))


def test_a_bomb_stops_at_the_size_that_is_expected(decoded: Callable[..., bytes]) -> None:
    block = frames.block_header(frames.BLOCK, last=False, kind=frames.RLE) + b"\0"
    end = frames.block_header(0, last=True)
    with pytest.raises(BundleMismatchError, match="more than its 1,024 bytes"):
        decoded(compression.FRAME_HEADER + block * 100 + end, 1024)
    with pytest.raises(BundleMismatchError, match="longer than its content could need"):
        decoded(compression.FRAME_HEADER + block * 2000 + end, 1024)


def test_endless_empty_blocks_are_refused(decoded: Callable[..., bytes]) -> None:
    empty = frames.block_header(0, last=False)
    data = compression.FRAME_HEADER + empty * 5000 + frames.block_header(0, last=True)
    with pytest.raises(BundleMismatchError, match="longer than its content could need"):
        decoded(data, 512)


def test_a_reserved_block_is_refused(decoded: Callable[..., bytes]) -> None:
    data = compression.FRAME_HEADER + frames.block_header(5, last=True, kind=frames.RESERVED)
    with pytest.raises(BundleMismatchError, match="no block begins with"):
        decoded(data + b"12345", 5)


def test_a_changed_byte_never_gives_other_content(decoded: Callable[..., bytes]) -> None:
    content = TEXT[:3000]
    data = compressed(content)
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x10
        try:
            found = decoded(bytes(changed), len(content))
        except AirferryError:
            continue
        assert len(found) == len(content)
