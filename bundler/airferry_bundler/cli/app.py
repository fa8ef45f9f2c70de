"""The application that every command file registers with, and the option that most share."""

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.commands import VersionOption, application

app = application(
    "airferry-bundler",
    "Pack a product's images, charts and manifests into one signed file; take telemetry in.",
)

SpecOption = Annotated[
    Path, typer.Option("--file", "-f", help="The spec, or the folder that holds airferry.yaml.")
]


@app.callback()
def options(*, version: VersionOption = False) -> None:
    """Pack a product's images, charts and manifests into one signed file; take telemetry in.

    The usual way: init and keys once; then for each release lock, release, sign (each holder),
    build. Every command has --output json and its own --help.
    """
    del version  # said by the option itself
