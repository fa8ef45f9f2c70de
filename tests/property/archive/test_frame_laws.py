"""Laws of the parts: sizes are known before bytes, and stock zstd and tarfile agree with ours."""

from __future__ import annotations

import string

import hypothesis.strategies as st
import zstandard
from hypothesis import given

from airferry_archive import frames, tar_headers
from airferry_archive.tar_headers import TarHeader

NAMES = st.text(string.ascii_letters + string.digits + "._-/", min_size=1, max_size=99).filter(
    lambda name: not name.endswith("/")
)


@given(st.binary(min_size=1, max_size=300_000))
def test_zstd_reads_raw_frames(content: bytes) -> None:
    encoded = frames.encode(content)
    assert len(encoded) == frames.encoded_size(len(content))
    assert zstandard.ZstdDecompressor().decompress(encoded) == content


@given(st.integers(1, 1 << 40))
def test_a_size_is_that_of_its_frames(length: int) -> None:
    full, rest = divmod(length, frames.FRAME)
    parts = full * frames.encoded_size(frames.FRAME) + (frames.encoded_size(rest) if rest else 0)
    assert frames.encoded_size(length) == parts


@given(st.integers(1, 3 * frames.FRAME))
def test_spans_cover_the_content_and_nothing_else(length: int) -> None:
    spans = list(frames.spans(length))
    assert sum(size for _, size in spans) == length
    assert sum(len(lead) + size for lead, size in spans) == frames.encoded_size(length)
    assert all(0 < size <= frames.BLOCK for _, size in spans)


@given(NAMES, st.integers(0, 2**53 - 1), st.integers(-(2**40), 2**40))
def test_a_tar_header_decodes_to_what_it_was_made_of(name: str, size: int, mtime: int) -> None:
    header = TarHeader(name, size, mtime)
    assert tar_headers.decode(header.encode()) == header


@given(st.binary(min_size=512, max_size=512))
def test_any_block_is_a_header_or_none(block: bytes) -> None:
    header = tar_headers.decode(block)
    assert header is None or header.encode() == block


@given(st.integers(0, 2**53 - 1))
def test_members_are_whole_blocks(size: int) -> None:
    length = tar_headers.content_length(size)
    assert length % 512 == 0
    assert 512 <= length - size < 1024
