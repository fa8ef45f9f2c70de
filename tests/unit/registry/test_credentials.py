"""Logins out of Docker's configuration: hosts, helpers, and that no secret is ever shown."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airferry_foundation.errors import (
    InputError,
    MissingInputError,
    ProgramFailedError,
    ProgramMissingError,
    RegistryDeniedError,
)
from airferry_registry.credentials import NONE, Credentials, Login

SECRET = "hunter2-planted"
Helper = Callable[[str, str], None]


def auth(user: str, password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def config(folder: Path, **content: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helper:
    """Makes a credential helper: a real program on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(name: str, body: str) -> None:
        path = folder / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\nread host\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    return make


def test_hosts_are_found_however_they_are_written(tmp_path: Path) -> None:
    auths = {
        "127.0.0.1:5000": auth("one"),
        "https://registry.example": auth("two"),
        "https://index.docker.io/v1/": auth("three"),
    }
    found = Credentials.from_docker_config(config(tmp_path, auths=auths, HttpHeaders={"a": "b"}))
    assert found.for_host("127.0.0.1:5000") == Login("one", SECRET)
    assert found.for_host("registry.example") == Login("two", SECRET)
    assert found.for_host("docker.io") == Login("three", SECRET)
    assert found.for_host("127.0.0.1:5001") is None
    assert found.for_host("127.0.0.1") is None


def test_passwords_may_have_colons_and_identity_tokens_count(tmp_path: Path) -> None:
    auths = {
        "a.example": auth("u", "p:q:r"),
        "b.example": {"identitytoken": "tok"},
        "c.example": {"username": "u", "password": "p"},
        "d.example": {},
    }
    found = Credentials.from_docker_config(config(tmp_path, auths=auths))
    assert found.for_host("a.example") == Login("u", "p:q:r")
    assert found.for_host("b.example") == Login("", "", "tok")
    assert found.for_host("c.example") == Login("u", "p")
    assert found.for_host("d.example") is None


def test_no_secret_is_shown(tmp_path: Path) -> None:
    found = Credentials.from_docker_config(config(tmp_path, auths={"a.example": auth("u")}))
    login = Login("u", SECRET, SECRET)
    assert SECRET not in repr(found) + repr(login) + str(login)
    assert login.basic == "Basic " + auth("u")["auth"]


def test_the_folder_can_be_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config(tmp_path, auths={"a.example": auth("u")})
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert Credentials.from_docker_config().for_host("a.example") == Login("u", SECRET)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "none"))
    assert Credentials.from_docker_config() == NONE


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        Credentials.from_docker_config(tmp_path / "config.json")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"auths":[]}', '{"auths":{"a":{"auth":"%%"}}}', '{"auths":{"a":', "\0"]
)
def test_a_damaged_file_is_named_and_not_quoted(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="is not a docker configuration") as caught:
        Credentials.from_docker_config(path)
    assert str(path) in caught.value.message


def test_what_is_empty_may_be_null(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"auths":{"a":null},"credHelpers":null,"credsStore":null}', encoding="utf-8")
    assert Credentials.from_docker_config(path).for_host("a") is None
    path.write_text('{"auths":null}', encoding="utf-8")
    assert Credentials.from_docker_config(path).for_host("a") is None


def test_helpers_come_before_the_file(tmp_path: Path, helper: Helper) -> None:
    helper("own", f'echo "{{\\"Username\\":\\"$host\\",\\"Secret\\":\\"{SECRET}\\"}}"')
    helper("rest", 'echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"tok\\"}"')
    path = config(
        tmp_path,
        auths={"a.example": auth("file")},
        credHelpers={"a.example": "own"},
        credsStore="rest",
    )
    found = Credentials.from_docker_config(path)
    assert found.for_host("a.example") == Login("a.example", SECRET)
    assert found.for_host("b.example") == Login("", "", "tok")


def test_a_store_without_the_host_leaves_it_to_the_file(tmp_path: Path, helper: Helper) -> None:
    helper("rest", "echo credentials not found in native keychain; exit 1")
    path = config(tmp_path, auths={"a.example": auth("file")}, credsStore="rest")
    assert Credentials.from_docker_config(path).for_host("a.example") == Login("file", SECRET)


def test_a_helper_that_fails_says_why(tmp_path: Path, helper: Helper) -> None:
    helper("own", "echo 'token expired, run login' >&2; exit 1")
    found = Credentials.from_docker_config(config(tmp_path, credHelpers={"a.example": "own"}))
    with pytest.raises(ProgramFailedError, match="token expired, run login") as caught:
        found.for_host("a.example")
    assert "docker-credential-own get" in caught.value.hint


def test_a_helper_that_talks_nonsense(tmp_path: Path, helper: Helper) -> None:
    helper("own", f"echo {SECRET}")
    found = Credentials.from_docker_config(config(tmp_path, credHelpers={"a.example": "own"}))
    with pytest.raises(RegistryDeniedError, match="unreadable answer") as caught:
        found.for_host("a.example")
    assert SECRET not in caught.value.message


def test_a_helper_that_is_not_there(tmp_path: Path) -> None:
    found = Credentials.from_docker_config(config(tmp_path, credHelpers={"a.example": "nowhere"}))
    with pytest.raises(ProgramMissingError, match="docker-credential-nowhere"):
        found.for_host("a.example")


def test_a_helper_is_a_plain_name(tmp_path: Path) -> None:
    found = Credentials.from_docker_config(config(tmp_path, credHelpers={"a.example": "../x"}))
    with pytest.raises(InputError, match="not a plain name"):
        found.for_host("a.example")
