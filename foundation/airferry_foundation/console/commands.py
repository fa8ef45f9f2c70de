"""Runs a command line: errors become a message, a hint and an exit code; never a traceback."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.main import (
    get_command,
    get_command_from_info,
    get_command_name,
    get_group_from_info,
    solve_typer_info_defaults,
)

from airferry_foundation import VERSION
from airferry_foundation.console.live import clear
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


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(VERSION)
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "--version", callback=_say_version, is_eager=True, help="Say which version it is."
    ),
]
"""An option of the whole program: it says its version and ends."""


def command_of(app: typer.Typer) -> Any:
    """The command tree of `app`, its examples kept as they are written."""
    command: Any
    if app.registered_callback is None:  # then it may be one command, without a name
        command = get_command(app)
        _keep_examples(command)
        return command
    bare = copy(app)
    bare.registered_commands, bare.registered_groups = [], []
    command = get_command(bare)
    _keep_examples(command)
    command.commands = _Commands(app)
    return command


class _Commands(Mapping[str, Any]):
    """The commands of an application, each made when it is asked for.

    Making all of them takes longer than most of them run.
    """

    def __init__(self, app: typer.Typer) -> None:
        shared: dict[str, Any] = {
            "pretty_exceptions_short": app.pretty_exceptions_short,
            "rich_markup_mode": app.rich_markup_mode,
        }
        self._make: dict[str, Callable[[], Any]] = {}
        self._made: dict[str, Any] = {}
        for info in app.registered_commands:
            name = info.name or get_command_name(getattr(info.callback, "__name__", ""))
            self._make[name] = partial(get_command_from_info, info, **shared)
        for group in app.registered_groups:
            name = str(solve_typer_info_defaults(group).name)
            made = partial(
                get_group_from_info, group, suggest_commands=app.suggest_commands, **shared
            )
            self._make[name] = made

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            command = self._make[name]()
            _keep_examples(command)
            self._made[name] = command
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._make)

    def __len__(self) -> int:
        return len(self._make)


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
    atexit.register(gc.freeze)  # a process that ends need not look for what it could free
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
    clear()
    output.fail(error)
    raise SystemExit(error.exit_code)
