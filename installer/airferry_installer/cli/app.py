"""The application that every command file registers with, and the option they share."""

import os
from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.commands import VersionOption, application

app = application(
    "airferry-installer",
    "Verify, load, plan, approve and apply a release that was carried in; bring telemetry home.",
)


def _default_state() -> Path:
    chosen = os.environ.get("AIRFERRY_STATE")
    return Path(chosen) if chosen else Path.home() / ".local" / "state" / "airferry"


@app.callback()
def options(
    context: typer.Context,
    state: Annotated[
        Path | None,
        typer.Option(
            help="The state folder: remembered trust, journal, keys "
            "[default: $AIRFERRY_STATE or ~/.local/state/airferry]",
        ),
    ] = None,
    *,
    version: VersionOption = False,
) -> None:
    """Verify, load, plan, approve and apply a release that was carried in; bring telemetry home.

    The usual way: init once; then for each stick inspect, verify, load, doctor, plan, request,
    approve, apply, status. Every command has --output json and its own --help.
    """
    del version  # said by the option itself
    context.obj = state or _default_state()


def state_folder(context: typer.Context) -> Path:
    """The folder that `--state` names."""
    folder = context.find_root().obj
    return folder if isinstance(folder, Path) else _default_state()
