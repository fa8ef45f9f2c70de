"""Runs a command line: errors become a message, a hint and an exit code; never a traceback."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import typer
from typer.main import get_command

from airferry_foundation.console.output import Format, Output
from airferry_foundation.errors import AirferryError, InternalError, Interrupted


def application(name: str, help_text: str) -> typer.Typer:
    """A typer application with our habits: no pretty tracebacks, plain help, completion."""
    return typer.Typer(
        name=name,
        help=help_text,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def command_of(app: typer.Typer) -> Any:
    """The command tree of `app`, its examples kept as they are written."""
    command = get_command(app)
    _keep_examples(command)
    return command


def _keep_examples(command: Any) -> None:
    """Mark indented paragraphs of every help text so that click does not wrap them."""
    if command.help:
        parts = command.help.split("\n\n")
        command.help = "\n\n".join(f"\b\n{p}" if p.startswith("  ") else p for p in parts)
    for child in getattr(command, "commands", {}).values():
        _keep_examples(child)


def run(app: typer.Typer, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run `app` and leave the process with the right exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    output = Output(_format_of(given))
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        command_of(app)(args=given, standalone_mode=True)
    except AirferryError as error:
        _leave(output, error)
    except _Stopped:
        _leave(output, Interrupted("interrupted", "Give the same command again to go on."))
    except BrokenPipeError:
        os._exit(0)
    except RecursionError:
        _leave(output, InternalError("something that was read is nested too deeply"))
    except OSError as error:
        _leave(output, _of_machine(error))
    raise SystemExit(0)


class _Stopped(BaseException):
    """Ctrl-C or SIGTERM: unwinds everything, past typer, which would make exit code 1 of it."""


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise _Stopped


def _of_machine(error: OSError) -> AirferryError:
    from airferry_foundation.files import media_error

    if os.environ.get("AIRFERRY_TRACEBACK"):
        traceback.print_exc()
    return media_error(error, str(error.filename or "a file or connection"))


def _format_of(arguments: Sequence[str]) -> Format:
    """What `--output` says, read ahead of typer so that its own errors obey it too."""
    for position, argument in enumerate(arguments):
        value = argument.partition("=")[2]
        if argument == "--output" and position + 1 < len(arguments):
            value = arguments[position + 1]
        if argument.startswith("--output") and value == Format.json:
            return Format.json
    return Format.text


def _leave(output: Output, error: AirferryError) -> NoReturn:
    if os.environ.get("AIRFERRY_TRACEBACK"):
        traceback.print_exc()
    sys.stdout.flush()
    output.fail(error)
    raise SystemExit(error.exit_code)
