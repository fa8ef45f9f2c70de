from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from provision.failures import ProvisionError
from provision.golang import binary_name
from provision.locking import locked
from provision.pins import load
from provision.placing import place, scratch
from provision.running import Progress, run


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def silent() -> Progress:
    return Progress(1, stream=io.StringIO())


def test_progress_says_which_of_how_many_and_how_long_it_may_take() -> None:
    stream = io.StringIO()
    progress = Progress(2, stream=stream)
    progress.begin("cosign", 90)
    progress.tell()  # a moment later: nothing new
    progress.end("ready")
    progress.begin("helm", 3)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "[1/2] cosign: 0 s (about 90 s)"
    assert lines[1].startswith("[1/2] cosign: ready, 0.")
    assert lines[2] == "[2/2] helm: 0 s"


def test_a_terminal_gets_one_line_rewritten_and_a_pipe_no_escape_codes() -> None:
    for stream, rewritten in ((Terminal(), True), (io.StringIO(), False)):
        Progress(1, stream=stream).begin("cosign", 1)
        assert ("\x1b[2K" in stream.getvalue()) is rewritten


def test_a_failing_command_shows_the_end_of_its_log(tmp_path: Path) -> None:
    command: list[str | Path] = ["sh", "-c", "echo cannot find; exit 4"]
    with pytest.raises(ProvisionError, match=r"ended with 4:\n(.|\n)*cannot find") as failed:
        run(command, log=tmp_path / "log", progress=silent())
    assert str(tmp_path / "log") in failed.value.hint


def test_a_lock_is_waited_for_and_said_so() -> None:
    told = io.StringIO()
    order: list[str] = []

    def second() -> None:
        with locked("thing", Progress(1, stream=told)):
            order.append("second")

    with locked("thing", silent()):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join(5)
    assert order == ["first", "second"]
    assert "waiting for the other run that builds it" in told.getvalue()


def test_scratch_is_empty_even_after_a_killed_run(cache: Path) -> None:
    (scratch("kwok") / "half").touch()
    assert list(scratch("kwok").iterdir()) == []


def test_placing_moves_the_binary_and_makes_it_run() -> None:
    built = scratch("kwok") / "kwok"
    built.write_bytes(b"binary")
    pin = load()["kwok"]
    place(pin, built)
    assert pin.cached.stat().st_mode & 0o777 == 0o755
    with pytest.raises(ProvisionError, match="is not there after the build"):
        place(pin, built)


@pytest.mark.parametrize(
    ("package", "name"),
    [("go.etcd.io/etcd/server/v3", "server"), ("oras.land/oras/cmd/oras", "oras")],
)
def test_go_names_a_binary_after_its_package(package: str, name: str) -> None:
    assert binary_name(package) == name
