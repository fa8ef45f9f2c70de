from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airferry_foundation import files
from airferry_foundation.errors import (
    FileTooLargeError,
    InputError,
    MediaError,
    MediaFullError,
    MissingInputError,
    ReadOnlyError,
    StateBusyError,
)


def test_write_atomic_replaces_and_sets_the_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.write_atomic(path, b"one")
    files.write_atomic(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [child.name for child in tmp_path.iterdir()] == ["a"]


def test_write_atomic_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.mkdir()
    with pytest.raises(InputError):
        files.write_atomic(path, b"x")
    assert [child.name for child in tmp_path.iterdir()] == ["a"]


def test_write_new_refuses_to_replace(tmp_path: Path) -> None:
    path = tmp_path / "key"
    files.write_new(path, b"one")
    with pytest.raises(InputError, match="exists already"):
        files.write_new(path, b"two")
    assert path.read_bytes() == b"one"


def test_read_capped_refuses_one_byte_more(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert files.read_capped(path, 5) == b"12345"
    with pytest.raises(InputError, match="more than the 4 bytes"):
        files.read_capped(path, 4)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, MediaFullError),
        (errno.EFBIG, FileTooLargeError),
        (errno.EROFS, ReadOnlyError),
        (errno.EACCES, ReadOnlyError),
        (errno.ENOENT, MissingInputError),
        (errno.EISDIR, InputError),
        (errno.EIO, MediaError),
    ],
)
def test_each_failure_of_a_medium_has_its_error(number: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="/media/stick"), files.media_errors("/media/stick"):
        raise OSError(number, os.strerror(number))


def test_a_full_disk_is_told_from_the_real_thing() -> None:
    full = Path("/dev/full")
    with pytest.raises(MediaFullError), files.media_errors(full), full.open("wb") as file:
        file.write(b"x" * 100_000)


def test_append_line_adds_one_line_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "log"
    files.append_line(path, b"one")
    files.append_line(path, b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_private_folders_are_private(tmp_path: Path) -> None:
    folder = files.make_folder(tmp_path / "a" / "b", private=True)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_exclusive_is_refused_to_a_second_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    code = (
        "import sys; from pathlib import Path; from airferry_foundation import files\n"
        "with files.exclusive(Path(sys.argv[1]), what='the state'): pass"
    )
    with files.exclusive(lock, what="the state"):
        refused = subprocess.run(
            [sys.executable, "-c", code, str(lock)], capture_output=True, text=True, check=False
        )
    assert StateBusyError.__name__ in refused.stderr
    assert "the state is in use" in refused.stderr
    with files.exclusive(lock, what="the state"):
        pass
