"""What every command of both programs owes its users."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from typing import Any

import pytest

from airferry_foundation.console.commands import command_of, run

CONTRACT = {
    "airferry_bundler": """
        keys generate|keys root init|keys root add|keys root show|init|lock|release|sign|build
        |inspect|diff|fleet enroll|fleet report|telemetry import
    """,
    "airferry_installer": """
        init|doctor|inspect|verify|load|plan|request|approve|apply|status|rollback|drift|history
        |telemetry consent|telemetry preview|telemetry export
    """,
}


def commands_of(package: str) -> Iterator[tuple[str, Any]]:
    cli = import_module(f"{package}.cli")
    for name in cli.COMMANDS:
        import_module(f"{package}.cli.{name}")
    yield from _leaves(command_of(cli.app), "")


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from _leaves(child, f"{path} {name}".strip())


EVERY = [(package, *found) for package in CONTRACT for found in commands_of(package)]


@pytest.mark.parametrize("package", CONTRACT)
def test_the_contract_is_there(package: str) -> None:
    wanted = {" ".join(name.split()) for name in CONTRACT[package].split("|")}
    assert wanted <= {path for path, _ in commands_of(package)}


@pytest.mark.parametrize(
    ("package", "path", "command"), EVERY, ids=[f"{package} {path}" for package, path, _ in EVERY]
)
def test_every_command_teaches_and_answers_scripts(package: str, path: str, command: Any) -> None:
    options = {name for parameter in command.params for name in parameter.opts}
    assert "--output" in options, f"{package} {path}"
    assert len(command.help.splitlines()) >= 3, f"{package} {path}: the help teaches nothing"


@pytest.mark.usefixtures("keep_signals")
@pytest.mark.parametrize("package", CONTRACT)
def test_the_version_is_that_of_the_project(
    package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run(import_module(f"{package}.cli").app, ["--version"])
    assert not ended.value.code
    assert capsys.readouterr().out == f"{version('airferry')}\n"


@pytest.mark.parametrize("package", CONTRACT)
def test_only_the_command_that_is_asked_for_is_made(package: str) -> None:
    import_module(f"{package}.cli.inspect")
    commands = command_of(import_module(f"{package}.cli").app).commands
    assert commands["inspect"] is commands["inspect"]
    assert set(commands._made) == {"inspect"}
    assert "no-such" not in commands
