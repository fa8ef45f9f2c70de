from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import programs
from provision import debian
from provision.pins import load
from provision.providing import provide


def test_a_package_that_brings_too_old_a_program_is_explained(
    put_program: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program("skopeo", "skopeo version 0.9.0")
    monkeypatch.setattr(debian, "fetch", lambda *_: None)
    outcome = provide([replace(load()["skopeo"], at_least="1.4")])[0]
    assert outcome.path is None
    assert "older than 1.4" in outcome.problem
    assert "Put skopeo 1.4 or newer on PATH" in outcome.hint


def test_without_apt_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = provide([load()["bsdtar"]])[0]
    assert "Debian has it in the package libarchive-tools" in outcome.hint


def test_without_root_the_command_to_run_is_named(
    monkeypatch: pytest.MonkeyPatch, put_program: Callable[[str, str], Path]
) -> None:
    put_program("apt-get", "")
    put_program("bsdtar", "bsdtar 1.0")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    outcome = provide([load()["bsdtar"]])[0]
    assert outcome.hint == "Run: sudo apt-get install --no-install-recommends libarchive-tools"


def test_without_node_it_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = provide([load()["sigstore-verify"]])[0]
    assert outcome.path is None
    assert "no node or no npm" in outcome.problem
    assert "Install Node.js" in outcome.hint


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("1", 1)])
def test_only_ci_demands_what_is_optional(
    ci: str, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    assert programs.main(["ensure", "sigstore-verify"]) == code
