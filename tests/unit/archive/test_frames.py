from __future__ import annotations

import pytest
import zstandard

from airferry_archive import frames


def test_a_frame_is_these_bytes() -> None:
    encoded = frames.encode(b"abc")
    assert encoded.hex() == "28b52ffd" + "80" + "38" + "03000000" + "190000" + "616263"


@pytest.mark.parametrize(
    "size", [1, 512, frames.BLOCK - 1, frames.BLOCK, frames.BLOCK + 1, 700_000]
)
def test_zstd_gives_back_the_content(size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    encoded = frames.encode(content)
    assert zstandard.ZstdDecompressor(max_window_size=128 << 10).decompress(encoded) == content
    assert len(encoded) == frames.encoded_size(size)


def test_a_frame_is_never_a_single_segment_and_has_a_window_of_128_kib() -> None:
    parameters = zstandard.get_frame_parameters(frames.encode(b"x" * 5000))
    assert parameters.window_size == 128 << 10
    assert parameters.content_size == 5000
    assert not parameters.has_checksum
    assert parameters.dict_id == 0


def test_content_over_64_mib_is_cut_into_frames() -> None:
    length = 2 * frames.FRAME + 5
    assert list(frames.frame_lengths(length)) == [frames.FRAME, frames.FRAME, 5]
    leads = [lead for lead, _ in frames.spans(length)]
    assert sum(lead.startswith(frames.MAGIC) for lead in leads) == 3
    assert frames.encoded_size(length) == length + sum(map(len, leads))


def test_only_the_last_block_of_a_frame_is_marked() -> None:
    spans = list(frames.spans(frames.FRAME + frames.BLOCK + 1))
    marked = [number for number, (lead, _) in enumerate(spans) if lead[-3] & 1]
    assert marked == [511, 513]


def test_many_blocks_cost_less_than_a_three_thousandth_of_a_percent_more() -> None:
    assert frames.encoded_size(10 << 30) / (10 << 30) < 1.00003


@pytest.mark.parametrize("kind", [frames.RAW, frames.RLE, frames.COMPRESSED])
@pytest.mark.parametrize("last", [True, False])
def test_a_block_header_is_read_as_it_was_made(kind: int, last: bool) -> None:
    made = frames.block_header(131072, last=last, kind=kind)
    assert frames.read_block_header(made) == (last, kind, 131072)
