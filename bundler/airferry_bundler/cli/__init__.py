"""The vendor's command line: one file a command."""

from importlib import import_module

from airferry_bundler.cli.app import app
from airferry_foundation.console.commands import run

COMMANDS: tuple[str, ...] = (
    "init",
    "lock",
    "release",
    "sign",
    "build",
    "inspect",
    "diff",
    "publish",
    "split",
    "join",
    "keys",
    "key_rotation",
    "channel",
    "entitlement",
    "telemetry",
    "fleet",
)
"""The command modules, in the order of --help."""


def main() -> None:
    """The program `airferry-bundler`."""
    for command in COMMANDS:
        import_module(f"{__name__}.{command}")
    run(app)
