from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from airferry_fixtures.servers.namespace import IsolatedNetwork
from airferry_fixtures.servers.probe import Question
from airferry_fixtures.servers.registry import start_registry as start


def run_inside(network: IsolatedNetwork, code: str) -> str:
    command = network.command([sys.executable, "-c", code])
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_inside_there_is_loopback_and_nothing_else(isolated_network: IsolatedNetwork) -> None:
    names = run_inside(isolated_network, "import socket; print(socket.if_nameindex())")
    assert names == "[(1, 'lo')]"


def test_loopback_of_the_outside_is_not_reached(isolated_network: IsolatedNetwork) -> None:
    with socket.create_server(("127.0.0.1", 0)) as outside:
        port = outside.getsockname()[1]
        code = f"import socket; print(socket.socket().connect_ex(('127.0.0.1', {port})))"
        assert run_inside(isolated_network, code) != "0"


@pytest.mark.program("registry")
def test_a_registry_inside_is_reached_only_there(
    isolated_network: IsolatedNetwork, tmp_path: Path
) -> None:
    with start(tmp_path, within=isolated_network.prefix) as server:
        question = Question(f"{server.url}/v2/")
        assert not question.answered()
        code = f"import urllib.request as u; print(u.urlopen('{server.url}/v2/').status)"
        assert run_inside(isolated_network, code) == "200"
