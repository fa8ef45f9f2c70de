from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from airferry_fixtures.servers.certificates import Authority
from airferry_fixtures.servers.probe import Question
from airferry_fixtures.servers.process import ServerFailed
from airferry_fixtures.servers.programs import program
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.servers.registry import start_registry as start

pytestmark = pytest.mark.program("registry")


def push(address: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    note = folder / "note.txt"
    note.write_text("carried\n")
    command = [
        str(program("oras")),
        "push",
        *options,
        f"{address}/notes:1",
        f"{note.name}:text/plain",
    ]
    return subprocess.run(command, capture_output=True, check=False, cwd=folder, text=True)


def test_session_registry_answers(registry: RegistryServer) -> None:
    assert registry.url == f"http://{registry.address}"
    assert Question(f"{registry.url}/v2/").answered()


def test_repository_prefix_is_a_valid_path(repository_prefix: str) -> None:
    assert repository_prefix.endswith("/test-repository-prefix-is-a-valid-path")


@pytest.mark.program("oras")
def test_stopping_keeps_the_data(tmp_path: Path) -> None:
    with start(tmp_path / "registry") as first:
        assert push(first.address, tmp_path, "--plain-http").returncode == 0
    assert not first.process.running()
    with start(tmp_path / "registry") as second:
        command = [str(program("oras")), "pull", "--plain-http", f"{second.address}/notes:1"]
        subprocess.run([*command, "-o", str(tmp_path / "out")], check=True, capture_output=True)
    assert (tmp_path / "out" / "note.txt").read_text() == "carried\n"


@pytest.mark.program("oras")
def test_tls_and_password_are_both_demanded(tmp_path: Path) -> None:
    pair = Authority(tmp_path / "ca").server()
    with start(tmp_path / "registry", tls=pair, htpasswd=("ann", "secret")) as server:
        trust = ("--ca-file", str(pair.authority))
        assert push(server.address, tmp_path, *trust).returncode != 0
        wrong = push(server.address, tmp_path, *trust, "-u", "ann", "-p", "wrong")
        assert wrong.returncode != 0
        right = push(server.address, tmp_path, *trust, "-u", "ann", "-p", "secret")
        assert right.returncode == 0, right.stderr


def test_a_taken_port_is_a_clear_failure(registry: RegistryServer, tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="address already in use"):
        start(tmp_path, port=int(registry.address.rpartition(":")[2]))
