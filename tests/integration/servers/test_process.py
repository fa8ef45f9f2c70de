from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airferry_fixtures.servers import process
from airferry_fixtures.servers.probe import Question

_PARENT = """
import pathlib, sys, time
from airferry_fixtures.servers import process
print(process.start("sleeper", ["sleep", "60"], log=pathlib.Path(sys.argv[1])).pid, flush=True)
time.sleep(60)
"""


def ended(pid: int, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_server_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PARENT, str(tmp_path / "log")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert ended(child)


def test_a_server_that_ends_early_shows_its_log(tmp_path: Path) -> None:
    server = process.start("talker", ["sh", "-c", "echo no disk; exit 3"], log=tmp_path / "log")
    unused = Question(f"http://127.0.0.1:{process.free_port()}/")
    with pytest.raises(process.ServerFailed, match=r"talker ended early(.|\n)*no disk"):
        process.wait_ready(server, unused)


def test_stop_is_patient_then_firm_and_may_come_twice(tmp_path: Path) -> None:
    with process.start("sleeper", ["sleep", "60"], log=tmp_path / "log") as server:
        assert server.running()
        server.stop()
    assert not server.running()
