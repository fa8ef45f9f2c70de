from __future__ import annotations

from pathlib import Path

from airferry_archive.journal import Journal, journal_path, partial_path
from airferry_foundation.digests import digest
from airferry_foundation.positioned import writing

ONE, TWO = digest(b"1"), digest(b"2")


def reopened(path: Path, arrangement: str = "a") -> Journal:
    with writing(path) as file:
        return Journal(file, arrangement)


def noted(path: Path, *digests: str, arrangement: str = "a") -> None:
    with writing(path) as file:
        journal = Journal(file, arrangement)
        for one in digests:
            journal.add(one)


def test_a_new_journal_fits_nothing_and_holds_nothing(tmp_path: Path) -> None:
    journal = reopened(tmp_path / "j")
    assert (journal.fits, journal.done) == (False, frozenset())


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    noted(tmp_path / "j", ONE)
    noted(tmp_path / "j", TWO)
    journal = reopened(tmp_path / "j")
    assert (journal.fits, journal.done) == (True, {ONE, TWO})


def test_another_arrangement_begins_anew(tmp_path: Path) -> None:
    noted(tmp_path / "j", ONE)
    assert reopened(tmp_path / "j", "other").done == frozenset()
    assert reopened(tmp_path / "j").done == frozenset()


def test_a_line_that_a_kill_cut_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "j"
    noted(path, ONE, TWO)
    path.write_bytes(path.read_bytes()[:-20])
    assert reopened(path).done == {ONE}
    noted(path, TWO)
    assert reopened(path).done == {ONE, TWO}


def test_a_head_that_a_kill_cut_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b"airferry-jour")
    assert not reopened(path).fits
    assert reopened(path).fits


def test_rubbish_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "j"
    noted(path, ONE)
    path.write_bytes(path.read_bytes() + b"\xff\x00\nsha256:short\n")
    assert reopened(path).done == {ONE}


def test_partial_file_and_journal_lie_beside_the_bundle() -> None:
    path = Path("out/shop.tar.zst")
    assert partial_path(path) == Path("out/shop.tar.zst.partial")
    assert journal_path(path) == Path("out/shop.tar.zst.partial.journal")
