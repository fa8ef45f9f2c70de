from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airferry_archive import volumes
from airferry_archive.volumes import Frame, Part, Volume
from airferry_foundation.digests import digest
from airferry_foundation.errors import AirferryError, InputError

ROOM = volumes.trailer_room(1)


def volume(**changes: object) -> Volume:
    fields: dict[str, object] = {
        "schema": "airferry.volume/v1",
        "set": digest(b"set"),
        "cut": 128 << 20,
        "index": 2,
        "count": 3,
        "start": 100,
        "length": 1000,
        "blobs": (digest(b"a"),),
        "parts": (Part(blob=digest(b"b"), offset=0, length=10, digest=digest(b"c")),),
    }
    return Volume(**(fields | changes))  # type: ignore[arg-type] # a test's own fields


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("fat32", 4_294_967_295),
        ("FAT32", 4_294_967_295),
        ("dvd", 4_700_372_992),
        ("4GiB", 4 << 30),
        ("4 gb", 4_000_000_000),
        ("134217728", 128 << 20),
    ],
)
def test_sizes_as_people_write_them(text: str, size: int) -> None:
    assert volumes.read_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "4 GiBs", "134217727", "1e9", "127MiB", "\u0661GiB"]
)
def test_what_is_no_size_or_too_small(text: str) -> None:
    with pytest.raises(InputError):
        volumes.read_size(text)


def test_names_end_in_three_digits() -> None:
    assert volumes.name_of("shop.tar.zst", 7) == "shop.tar.zst.007"
    assert volumes.bundle_name("shop.tar.zst.007") == ("shop.tar.zst", 7)
    for name in ("shop.tar.zst", "shop.tar.zst.7", "shop.tar.zst.000", ".001"):
        assert volumes.bundle_name(name) is None


def test_the_set_is_of_one_bundle_at_one_size() -> None:
    known = volumes.set_id(b"r", b"c", 1)
    others = {
        volumes.set_id(b"r", b"c", 2),
        volumes.set_id(b"x", b"c", 1),
        volumes.set_id(b"r", b"x", 1),
        volumes.set_id(b"c", b"r", 1),
    }
    assert len(others) == 4
    assert known not in others


def test_a_blob_that_does_not_fit_is_cut_at_a_frame_and_both_sides_say_so() -> None:
    frames = [Frame(100, None), Frame(200, "a"), Frame(300, "b"), Frame(400, "b"), Frame(500, "c")]
    one, two = volumes.cut(frames, 330 + volumes.trailer_room(2))
    assert (one.start, one.end, one.blobs) == (0, 300, ("a",))
    assert (two.start, two.end, two.blobs) == (300, 500, ("c",))
    assert [(edge.blob, edge.start, edge.end) for edge in one.edges] == [("b", 200, 300)]
    assert [(edge.blob, edge.start, edge.end) for edge in two.edges] == [("b", 300, 400)]


def test_a_blob_larger_than_a_volume_fills_it() -> None:
    frames = [Frame(100 * n, "a") for n in range(1, 7)]
    spans = volumes.cut(frames, 200 + ROOM)
    assert [(span.start, span.end) for span in spans] == [(0, 200), (200, 400), (400, 600)]
    assert all(span.blobs == () and len(span.edges) == 1 for span in spans)


def test_what_must_stay_together_and_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="stay together"):
        volumes.cut([Frame(100, None)], 99 + volumes.trailer_room(0))
    with pytest.raises(InputError, match="at most 999"):
        volumes.cut([Frame(n, str(n)) for n in range(1, 1002)], 1 + ROOM)


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 3)), min_size=1, max_size=60),
    st.integers(7000, 20_000),
)
def test_spans_tile_the_bundle_and_every_volume_fits(
    steps: list[tuple[int, int]], limit: int
) -> None:
    """Whatever is cut: nothing is lost or twice there, each blob is whole in one or at edges."""
    frames, end, blob = [], 0, 0
    for length, skip in steps:
        end, blob = end + length, blob + (skip > 0)
        frames.append(Frame(end, f"b{blob}"))
    spans = volumes.cut(frames, limit)
    assert [span.start for span in spans] == [0, *(span.end for span in spans[:-1])]
    assert spans[-1].end == end
    held: dict[str, int] = {}
    for number, span in enumerate(spans, 1):
        parts = tuple(
            Part(
                blob=digest(edge.blob.encode()),
                offset=edge.start - span.start,
                length=edge.end - edge.start,
                digest=digest(b""),
            )
            for edge in span.edges
        )
        made = volume(
            index=number,
            count=len(spans),
            start=span.start,
            length=span.end - span.start,
            blobs=tuple(digest(one.encode()) for one in span.blobs),
            parts=parts,
        )
        trailer = volumes.encode(made)
        assert made.length + len(trailer) <= limit
        assert volumes.decode(trailer, "t") == made
        assert len(span.edges) <= 2
        for one in span.blobs:
            assert one not in held
            held[one] = 1
    assert {edge.blob for span in spans for edge in span.edges} & set(held) == set()


def test_a_trailer_is_found_from_its_end_and_is_a_skippable_frame() -> None:
    made = volume()
    trailer = volumes.encode(made)
    assert trailer[:3] != b"\x28\xb5\x2f"
    assert int.from_bytes(trailer[:4], "little") & 0xFFFFFFF0 == 0x184D2A50
    assert int.from_bytes(trailer[4:8], "little") == len(trailer) - 8
    assert volumes.trailer_length(trailer[-16:]) == len(trailer)
    assert volumes.decode(trailer, "t") == made


def test_every_flipped_bit_and_every_cut_of_a_trailer_is_refused() -> None:
    trailer = volumes.encode(volume())
    for at in range(len(trailer)):
        for bit in (0, 5):
            changed = bytearray(trailer)
            changed[at] ^= 1 << bit
            if volumes.trailer_length(bytes(changed[-16:])) == len(trailer):
                with pytest.raises(AirferryError):
                    volumes.decode(bytes(changed), "t")


@pytest.mark.parametrize(
    "changes",
    [
        {"index": 4},
        {"parts": (Part(blob=digest(b"b"), offset=5, length=10, digest=digest(b"c")),)},
        {"parts": (Part(blob=digest(b"b"), offset=0, length=1001, digest=digest(b"c")),)},
        {"parts": (Part(blob=digest(b"b"), offset=0, length=0, digest=digest(b"c")),)},
        {"parts": (Part(blob=digest(b"b"), offset=0, length=600, digest=digest(b"c")),
                   Part(blob=digest(b"d"), offset=500, length=500, digest=digest(b"c")))},
    ],
)  # fmt: skip
def test_a_trailer_that_contradicts_itself_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(AirferryError):
        volumes.decode(volumes.encode(volume(**changes)), "t")
