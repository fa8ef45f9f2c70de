from __future__ import annotations

import errno
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pytest

from airferry_foundation import positioned
from airferry_foundation.errors import (
    FileTooLargeError,
    InputError,
    MediaError,
    MediaFullError,
    MissingInputError,
    TruncatedError,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"0123456789")
    return file


def test_bytes_are_read_where_they_are(path: Path) -> None:
    with positioned.reading(path) as file:
        assert file.size == 10
        assert file.read(3, 4) == b"3456"
        assert file.read(10, 0) == b""
        assert file.read_some(8, 100) == b"89"
        assert file.read_some(50, 5) == b""


def test_views_are_filled_one_after_the_other(path: Path) -> None:
    parts = [bytearray(2), bytearray(0), bytearray(5)]
    with positioned.reading(path) as file:
        file.read_into([memoryview(part) for part in parts], 1)
    assert parts == [b"12", b"", b"34567"]


def test_a_read_behind_the_end_says_where_the_file_ends(path: Path) -> None:
    with positioned.reading(path) as file:
        with pytest.raises(TruncatedError, match="ends at byte 10, expected at least 12") as caught:
            file.read(8, 4)
        assert "copy" in caught.value.hint.lower()


def test_more_views_than_the_system_takes_at_once(tmp_path: Path) -> None:
    pieces = [bytes([number % 256]) * 3 for number in range(5000)]
    with positioned.writing(tmp_path / "many") as file:
        assert file.write(pieces, 7) == 7 + 15_000
        found = [bytearray(3) for _ in pieces]
        file.read_into([memoryview(piece) for piece in found], 7)
    assert found == pieces


def test_writing_keeps_what_is_there_and_makes_what_is_not(path: Path, tmp_path: Path) -> None:
    with positioned.writing(path) as file:
        assert file.write([b"ab", b"", bytearray(b"c")], 2) == 5
        file.sync()
    assert path.read_bytes() == b"01abc56789"
    with positioned.writing(tmp_path / "new") as file:
        file.write([b"x"], 3)
        file.cut(6)
    assert (tmp_path / "new").read_bytes() == b"\0\0\0x\0\0"


def test_threads_write_side_by_side(tmp_path: Path) -> None:
    with positioned.writing(tmp_path / "f") as file, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: file.write([bytes([n]) * 1000], n * 1000), range(100)))
    assert (tmp_path / "f").read_bytes() == b"".join(bytes([n]) * 1000 for n in range(100))


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match="not a regular file"), positioned.reading(path):
            pass
    with pytest.raises(MissingInputError), positioned.reading(tmp_path / "gone"):
        pass
    with pytest.raises(InputError), positioned.writing(tmp_path):
        pass


def test_a_handle_that_fails_names_the_file(path: Path) -> None:
    with positioned.reading(path) as file, path.open("ab") as unreadable:
        os.dup2(unreadable.fileno(), file.handle)
        for read in (lambda: file.read(0, 1), lambda: file.read_some(0, 1)):
            with pytest.raises(MediaError, match=str(path)):
                read()


def test_a_file_that_may_not_grow_is_too_large(path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with positioned.writing(path) as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            with pytest.raises(FileTooLargeError, match="at most 1,000 bytes"):
                file.write([bytes(3000)], 0)
            with pytest.raises(FileTooLargeError, match="will have 1,001 bytes"):
                file.expect_room(1001)
            file.expect_room(1000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EFBIG])
def test_a_file_system_that_holds_no_such_file_is_told_before(path: Path, number: int) -> None:
    """Linux says so when the position is tried: `lseek` beyond the largest file."""
    refused = OSError(number, os.strerror(number))
    with (
        positioned.writing(path) as file,
        mock.patch.object(os, "lseek", side_effect=refused),
        pytest.raises(FileTooLargeError, match="4,294,967,295") as caught,
    ):
        file.expect_room(5 << 30)
    assert "split FILE --size fat32" in caught.value.hint


def test_room_is_asked_for_before_it_is_needed(path: Path) -> None:
    with positioned.writing(path) as file:
        file.expect_room(1 << 20)
        with pytest.raises(MediaFullError, match=r"will have .* bytes; .* are free") as caught:
            file.expect_room(1 << 43)
    assert caught.value.hint


def test_the_file_is_closed_behind_the_body(path: Path) -> None:
    with positioned.reading(path) as file:
        pass
    with pytest.raises(MediaError):
        file.read(0, 1)


def test_what_is_wanted_soon_is_only_a_hint(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with positioned.reading(path) as file:
        file.expect(5, 4 << 20)
        assert file.read(0, 10) == b"0123456789"
    positioned.PositionedFile(path, 1 << 20).expect(0, 1)  # no descriptor of ours: nothing happens
