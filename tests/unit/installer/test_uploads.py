"""Where uploads go on: remembered beyond kill -9, forgotten when a load has ended."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from airferry_foundation.digests import digest
from airferry_installer.uploads import remembered

ORIGIN = "http://127.0.0.1:5000"
ONE, OTHER = digest(b"one"), digest(b"other")
URL = "http://127.0.0.1:5000/v2/a/blobs/uploads/u?_state=abc"


class Killed(Exception):  # noqa: N818 - stands for kill -9
    pass


def note(state: Path, *lines: tuple[str, str]) -> None:
    with suppress(Killed), remembered(state, ORIGIN) as uploads:
        for name, url in lines:
            uploads.note("a", name, url)
        raise Killed


def test_the_last_url_is_found_again(tmp_path: Path) -> None:
    note(tmp_path, (ONE, URL), (OTHER, URL), (ONE, URL + "2"))
    with remembered(tmp_path, ORIGIN) as uploads:
        assert uploads.recall("a", ONE) == URL + "2"
        assert uploads.recall("a", OTHER) == URL
        assert uploads.recall("b", ONE) is None


def test_what_is_forgotten_stays_so(tmp_path: Path) -> None:
    with suppress(Killed), remembered(tmp_path, ORIGIN) as uploads:
        uploads.note("a", ONE, URL)
        uploads.forget("a", ONE)
        uploads.forget("a", OTHER)
        raise Killed
    with remembered(tmp_path, ORIGIN) as uploads:
        assert uploads.recall("a", ONE) is None


def test_registries_are_kept_apart(tmp_path: Path) -> None:
    note(tmp_path, (ONE, URL))
    with remembered(tmp_path, "https://other.example") as uploads:
        assert uploads.recall("a", ONE) is None


def test_nothing_is_left_behind_a_load_that_ended(tmp_path: Path) -> None:
    with remembered(tmp_path, ORIGIN) as uploads:
        uploads.note("a", ONE, URL)
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_a_line_that_a_kill_cut_short_is_no_line(tmp_path: Path, cut: int) -> None:
    note(tmp_path, (ONE, URL))
    (file,) = (tmp_path / "uploads").iterdir()
    file.write_bytes(file.read_bytes()[:cut])
    note(tmp_path, (OTHER, URL))
    with remembered(tmp_path, ORIGIN) as uploads:
        assert uploads.recall("a", OTHER) == URL
        assert uploads.recall("a", ONE) in {None, URL[: max(cut - 75, 0)], URL}


def test_what_is_no_line_is_passed_over(tmp_path: Path) -> None:
    note(tmp_path, (ONE, URL))
    (file,) = (tmp_path / "uploads").iterdir()
    file.write_bytes(b"\xff\x00nonsense\n" + file.read_bytes() + b"a sha256:00 x\n")
    with remembered(tmp_path, ORIGIN) as uploads:
        assert uploads.recall("a", ONE) == URL
