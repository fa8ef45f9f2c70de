"""The customer's command line: one file a command."""

from importlib import import_module

from airferry_foundation.console.commands import run
from airferry_installer.cli.app import app

COMMANDS: tuple[str, ...] = (
    "init",
    "doctor",
    "inspect",
    "verify",
    "load",
    "fetch",
    "channel",
    "entitlement",
    "attachments",
    "plan",
    "request",
    "approve",
    "apply",
    "status",
    "rollback",
    "drift",
    "history",
    "receipt",
    "policy",
    "clock",
    "backup",
    "telemetry",
)
"""The command modules, in the order of --help."""


def main() -> None:
    """The program `airferry-installer`."""
    for command in COMMANDS:
        import_module(f"{__name__}.{command}")
    run(app)
