from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from airferry_foundation import process
from airferry_foundation.errors import ProgramFailedError, ProgramMissingError, ProgramTimeoutError


def test_output_and_code_come_back() -> None:
    done = process.run(["/bin/sh", "-c", "cat; echo err >&2; exit 3"], input=b"in")
    assert (done.code, done.stdout, done.complaint) == (3, b"in", "err")


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "secret")
    assert b"PLANTED" not in process.run(["/usr/bin/env"]).stdout
    assert b"PLANTED=secret" in process.run(["/usr/bin/env"], inherit=True).stdout
    assert b"GIVEN=1" in process.run(["/usr/bin/env"], environment={"GIVEN": "1"}).stdout


def test_a_failure_names_the_program_and_its_words_but_no_secret() -> None:
    with pytest.raises(ProgramFailedError) as caught:
        process.checked(
            ["/bin/sh", "-c", "echo broken >&2; exit 1"],
            input=b"hunter2",
            environment={"PASSWORD": "hunter2"},
        )
    assert "sh failed with exit code 1: broken" in caught.value.message
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_a_missing_program_and_a_slow_one_are_told_apart() -> None:
    with pytest.raises(ProgramMissingError, match="not there"):
        process.run(["/nonexistent/program"])
    with pytest.raises(ProgramTimeoutError, match=r"within 0\.1 s"):
        process.run(["/bin/sleep", "5"], timeout=0.1)


def test_a_service_lives_as_long_as_the_body(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = f"import pathlib, time; pathlib.Path({str(ready)!r}).touch(); time.sleep(60)"
    with process.service([sys.executable, "-c", script], log=tmp_path / "log") as child:
        process.await_path(ready, child, timeout=20, log=tmp_path / "log")
        assert child.poll() is None
    assert child.poll() is not None


def test_a_service_that_ends_early_says_why(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = ["/bin/sh", "-c", "echo no luck >&2; exit 4"]
    with (
        process.service(command, log=log) as child,
        pytest.raises(ProgramFailedError, match="ended with 4: no luck"),
    ):
        process.await_path(tmp_path / "never", child, timeout=20, log=log)


def test_a_service_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with (
        pytest.raises(ProgramMissingError, match="no-such-program"),
        process.service(["no-such-program"], log=tmp_path / "log"),
    ):
        pass


def test_a_service_dies_with_us_even_if_we_are_killed(tmp_path: Path) -> None:
    told = tmp_path / "child"
    script = f"""
import os, pathlib, time
from airferry_foundation import process
log = pathlib.Path({str(tmp_path / "log")!r})
with process.service(["sleep", "600"], log=log) as child:
    pathlib.Path({str(told)!r}).write_text(str(child.pid))
    time.sleep(0.5)  # until setpriv has become sleep
    os.kill(os.getpid(), 9)
"""
    assert process.run([sys.executable, "-c", script]).code == -9
    status = Path("/proc") / told.read_text() / "stat"
    deadline = time.monotonic() + 10
    while status.exists() and " Z " not in status.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
