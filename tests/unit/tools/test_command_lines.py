from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import environment
import programs

PutProgram = Callable[[str, str], Path]


def test_path_prints_what_is_there_and_names_what_is_missing(
    put_program: PutProgram, capsys: pytest.CaptureFixture[str]
) -> None:
    program = put_program("kwok", "kwok version v0.8.0")
    assert programs.main(["path", "kwok"]) == 0
    assert capsys.readouterr().out == f"{program}\n"
    assert programs.main(["path", "kwok", "cosign"]) == 1
    assert "tools/programs.py ensure cosign" in capsys.readouterr().err


def test_path_as_json(put_program: PutProgram, capsys: pytest.CaptureFixture[str]) -> None:
    program = put_program("kwok", "kwok version v0.8.0")
    assert programs.main(["path", "--json", "kwok", "cosign"]) == 1
    assert json.loads(capsys.readouterr().out) == {"kwok": str(program), "cosign": None}


def test_ensure_takes_what_is_there(
    put_program: PutProgram, capsys: pytest.CaptureFixture[str]
) -> None:
    program = put_program("kwok", "kwok version v0.8.0")
    assert programs.main(["ensure", "kwok"]) == 0
    assert capsys.readouterr().err == f"kwok  {program}\n"
    assert programs.main(["ensure", "--quiet", "kwok"]) == 0
    assert capsys.readouterr().err == ""


def test_ensure_without_go_says_where_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert programs.main(["ensure", "kwok", "registry"]) == 1
    said = capsys.readouterr().err
    assert "Install Go 1.26 or newer" in said
    assert said.count("MISSING") == 2  # one failure does not hide the next


def test_an_unknown_program_is_refused_with_those_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert programs.main(["ensure", "cosing"]) == 1
    assert "It knows: cosign, " in capsys.readouterr().err


def test_every_missing_prerequisite_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.main(["check"]) == 1
    said = capsys.readouterr().out
    assert "apt-get install git" in said
    assert "apt-get install make" in said
    assert "Go 1.26 or newer (none on PATH)" in said


def test_an_old_go_is_named_with_its_version(
    put_program: PutProgram, capsys: pytest.CaptureFixture[str]
) -> None:
    put_program("go", "go1.19.8")
    put_program("git", "")
    put_program("make", "")
    assert environment.main(["check"]) == 1
    assert capsys.readouterr().out.count("  - ") == 1


def test_a_fitting_machine_passes(put_program: PutProgram) -> None:
    for name, says in (("go", "go1.27.1"), ("git", ""), ("make", "")):
        put_program(name, says)
    assert environment.main(["check"]) == 0
