from __future__ import annotations

import io
import tarfile

import pytest

from airferry_archive import tar_headers
from airferry_archive.tar_headers import TarHeader

HEADER = TarHeader("blobs/sha256/" + "a" * 64, 12, 1_795_531_820)


def test_a_header_is_ustar_owned_by_root_and_readable_by_all() -> None:
    block = HEADER.encode()
    info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    assert len(block) == 512
    assert block[257:265] == b"ustar\x0000"
    assert (info.uid, info.gid, info.uname, info.gname, info.mode) == (0, 0, "", "", 0o644)
    assert (info.name, info.size, info.mtime) == (HEADER.name, 12, 1_795_531_820)
    assert info.isreg()


def test_a_header_is_decoded_to_what_it_was_made_of() -> None:
    assert tar_headers.decode(HEADER.encode()) == HEADER


@pytest.mark.parametrize("size", [8**11, 8**11 + 1, 2**53 - 1])
def test_sizes_from_8_gib_are_base_256(size: int) -> None:
    block = TarHeader("big", size, 0).encode()
    assert block[124] == 0x80
    assert tar_headers.decode(block) == TarHeader("big", size, 0)


def test_a_size_below_8_gib_is_octal() -> None:
    assert TarHeader("big", 8**11 - 1, 0).encode()[124:136] == b"77777777777\x00"


@pytest.mark.parametrize("mtime", [-1, 8**11, 253_402_300_799])
def test_times_that_ustar_can_not_hold_are_kept(mtime: int) -> None:
    assert tar_headers.decode(TarHeader("x", 1, mtime).encode()) == TarHeader("x", 1, mtime)


def test_every_changed_byte_of_a_header_is_noticed() -> None:
    block = HEADER.encode()
    for position in range(512):
        changed = bytearray(block)
        changed[position] ^= 1
        assert tar_headers.decode(bytes(changed)) != HEADER


def _other(**fields: object) -> bytes:
    info = tarfile.TarInfo("x")
    info.mode = 0o644
    for name, value in fields.items():
        setattr(info, name, value)
    return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": 0o755},
        {"uid": 1},
        {"uname": "root"},
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"type": tarfile.DIRTYPE},
        {"type": tarfile.CHRTYPE},
    ],
)
def test_other_owners_modes_and_kinds_are_no_headers(fields: dict[str, object]) -> None:
    assert tar_headers.decode(_other()) is not None
    assert tar_headers.decode(_other(**fields)) is None


@pytest.mark.parametrize("block", [bytes(512), b"\xff" * 512, b"", b"short", b"\x80" * 512])
def test_what_is_no_header_is_none(block: bytes) -> None:
    assert tar_headers.decode(block) is None


def test_a_member_is_padded_to_whole_blocks() -> None:
    assert [tar_headers.padding(size) for size in (0, 1, 511, 512, 513)] == [0, 511, 1, 0, 511]
    assert tar_headers.content_length(0) == 512
    assert tar_headers.content_length(513) == 512 + 1024


def test_header_data_padding_and_end_are_an_archive() -> None:
    data = TarHeader("a.txt", 3, 0).encode() + b"abc" + bytes(509) + tar_headers.END
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        member = archive.extractfile("a.txt")
        assert member is not None
        assert member.read() == b"abc"
