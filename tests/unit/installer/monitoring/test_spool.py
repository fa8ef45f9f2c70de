from __future__ import annotations

from pathlib import Path

import pytest

from airferry_foundation.errors import MediaError
from airferry_installer.monitoring.spool import Spool
from airferry_telemetry.samples import sample

LABELS = {"b": "2", "a": "1"}


def _points(*times: int) -> list[object]:
    return [sample("m", LABELS, at, at) for at in times]


def test_samples_come_back_as_they_were(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db")
    spool.add("staging", _points(1, 2, 3))  # type: ignore[arg-type]
    spool.add("production", _points(2))  # type: ignore[arg-type]
    assert list(spool.since("staging", 1, 3)) == _points(2, 3)
    assert list(spool.since("staging", 1, 2)) == _points(2)


def test_a_point_is_there_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db")
    for value in (1, 2):
        spool.add("staging", [sample("m", LABELS, 5, value)])
    assert [one.value for one in spool.since("staging", 0, 9)] == [2]


def test_the_oldest_go_first_and_are_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db", limit=3)
    spool.add("staging", _points(1, 2, 3, 4, 5))  # type: ignore[arg-type]
    assert [one.at for one in spool.since("staging", 0, 9)] == [3, 4, 5]
    assert spool.dropped("staging") == 2
    assert spool.dropped("production") == 0


def test_an_empty_spool_makes_no_file(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db")
    spool.add("staging", [])
    assert spool.since("staging", 0, 9) == ()
    assert spool.dropped("staging") == 0
    spool.erase(["m"])
    assert not spool.path.exists()


def test_erasing_forgets(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db")
    spool.add("staging", [sample("m", {}, 1, 1), sample("n", {}, 1, 1)])
    spool.erase(["m"])
    assert [one.metric for one in spool.since("staging", 0, 9)] == ["n"]


def test_a_damaged_spool_is_named(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(MediaError, match=r"s\.db"):
        Spool(tmp_path / "s.db").add("staging", [sample("m", {}, 1, 1)])
