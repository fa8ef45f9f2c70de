from __future__ import annotations

import json
import os
import signal

import pytest
import typer

from airferry_foundation.console.commands import application, run
from airferry_foundation.console.events import EventProgress
from airferry_foundation.console.live import LiveProgress, size
from airferry_foundation.console.output import Format, Output, OutputOption, printable
from airferry_foundation.errors import MediaFullError

pytestmark = pytest.mark.usefixtures("keep_signals")

app = application("trial", "A trial.")


@app.command("say")
def say(output: OutputOption = Format.text) -> None:
    """Say something."""
    out = Output(output)
    out.say("evil \x1b[2J [bold]text[/bold]")
    out.table(["name", "size"], [["a\u202eb", 3]])
    out.answer({"b": 1, "a": "x"})


@app.command("fail")
def fail(kind: str, output: OutputOption = Format.text) -> None:
    """Fail somehow."""
    del output
    if kind == "ours":
        raise MediaFullError("/media/stick: no space left", "Free some space.")
    if kind == "machine":
        raise OSError(5, "Input/output error", "/media/stick/a")
    if kind == "keyboard":
        os.kill(os.getpid(), signal.SIGINT)
    raise typer.Exit(1)


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        run(app, arguments)
    return left.value.code if isinstance(left.value.code, int) else 0


def test_text_can_not_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("say") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\\u001b[2J [bold]text[/bold]" in out
    assert "a\\u202eb" in out


def test_scripts_get_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("say", "--output", "json") == 0
    assert capsys.readouterr().out == '{"a":"x","b":1}\n'


@pytest.mark.parametrize(
    ("kind", "code", "text"),
    [
        ("ours", 51, "error: /media/stick: no space left\n  next: Free some space.\n"),
        ("machine", 50, "error: /media/stick/a: Input/output error"),
        ("keyboard", 130, "same command again"),
        ("no", 1, ""),
    ],
)
def test_each_error_leaves_with_its_code(
    kind: str, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("fail", kind) == code
    shown = capsys.readouterr().err
    assert text in shown
    assert "Traceback" not in shown


def test_errors_obey_output_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("fail", "ours", "--output=json") == 51
    answer = json.loads(capsys.readouterr().err)
    assert answer["error"] == "MediaFull"
    assert answer["exit_code"] == 51
    assert answer["hint"] == "Free some space."


def test_a_wrong_command_line_is_two() -> None:
    assert code_of("nonsense") == 2


def test_progress_for_scripts_ends_with_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    task = EventProgress().start("load", 10)
    task.advance(4)
    task.settle(6)
    task.finish("all there")
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {
        "done": 10, "event": "progress", "finished": True, "outcome": "all there",
        "task": "load", "total": 10, "unit": "bytes",
    }  # fmt: skip


def test_progress_without_a_terminal_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    task = LiveProgress().start("load", 10)
    task.advance(12_300_000)
    task.finish()
    assert capsys.readouterr().err.startswith("load: 12.3 MB (")


def test_sizes_and_text_for_people() -> None:
    assert [size(n) for n in (0, 999, 1500, 2_000_000_000)] == ["0 B", "999 B", "1.5 kB", "2.0 GB"]
    assert printable("a\tb\nc\x07") == "a\tb\nc\\u0007"
