"""Bad input by the command line: a clear message, its exit code, a next step, no traceback."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_fixtures.commands import Ran, bundler
from airferry_fixtures.servers.process import free_port
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.shop import make_shop

SPEC = """\
product: shop
version: 1.4.0
counter: 14
audience: {customers: [acme], environments: any}
platforms: [linux/amd64]
"""


def told(ran: Ran, code: int, *words: str) -> None:
    assert ran.code == code, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "next:" in ran.stderr
    for word in words:
        assert word in ran.stderr


def write(folder: Path, more: str = "", *, text: str = SPEC) -> Path:
    (folder / "airferry.yaml").write_text(text + more, "utf-8")
    return folder / "airferry.yaml"


@pytest.mark.parametrize("command", ["lock", "release"])
def test_a_spec_with_three_mistakes(tmp_path: Path, command: str) -> None:
    text = SPEC.replace("1.4.0", "1.4").replace("counter: 14", "counter: fourteen")
    path = write(tmp_path, "image: []\n", text=text)
    ran = bundler(command, "-f", path)
    told(ran, 11, "has 3 mistakes", "line 2:", "line 3:", "line 6: unknown key 'image'")


def test_no_spec(tmp_path: Path) -> None:
    ran = bundler("lock", folder=tmp_path)
    assert ran.code == 13
    assert "airferry.yaml does not exist" in ran.stderr


def test_no_lock(tmp_path: Path) -> None:
    write(tmp_path)
    told(bundler("release", folder=tmp_path), 13, "airferry.lock does not exist")


def test_a_missing_image(tmp_path: Path, registry: RegistryServer) -> None:
    plain = f'registries: {{"{registry.address}": {{plain_http: true}}}}\n'
    path = write(tmp_path, f"images: ['{registry.address}/none/such:1']\n{plain}")
    told(bundler("lock", "-f", path), 33, "none/such", registry.address, "404")


def test_an_unreachable_registry(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    plain = f'registries: {{"{address}": {{plain_http: true}}}}\n'
    path = write(tmp_path, f"images: ['{address}/a:1']\n{plain}")
    told(bundler("lock", "-f", path), 31, address, "connection refused")


def test_a_registry_without_tls(tmp_path: Path, registry: RegistryServer) -> None:
    path = write(tmp_path, f"images: ['{registry.address}/a:1']\n")
    told(bundler("lock", "-f", path), 31, "does not speak TLS", "plain_http: true")


def test_a_wrong_password(tmp_path: Path, start_registry: Callable[..., RegistryServer]) -> None:
    guarded = start_registry(htpasswd=("vendor", "right"))
    pair = base64.b64encode(b"vendor:wrong").decode()
    logins = {"auths": {guarded.address: {"auth": pair}}}
    (tmp_path / "config.json").write_text(json.dumps(logins), "utf-8")
    plain = f'registries: {{"{guarded.address}": {{plain_http: true}}}}\n'
    path = write(tmp_path, f"images: ['{guarded.address}/a:1']\n{plain}")
    ran = bundler("lock", "-f", path, environment={"DOCKER_CONFIG": str(tmp_path)})
    told(ran, 32, guarded.address, "wrong user name or password", "vendor")
    assert pair not in ran.stderr
    without = bundler("lock", "-f", path, environment={"DOCKER_CONFIG": str(tmp_path / "no")})
    told(without, 32, "there is none for")


def test_no_helm(tmp_path: Path, registry: RegistryServer) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    bare = {"PATH": "/nowhere", "AIRFERRY_CACHE": str(tmp_path / "empty")}
    told(bundler("lock", "-f", path, environment=bare), 61, "helm 3.14 or newer is needed")


def test_a_chart_that_can_not_be_rendered(tmp_path: Path, registry: RegistryServer) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    template = path.parent / "charts" / "store" / "templates" / "store.yaml"
    template.write_text("{{ .Values.nothing.at.all }}\n", "utf-8")
    told_by = bundler("lock", "-f", path)
    assert told_by.code == 14
    assert "store/templates/store.yaml, line 1" in told_by.stderr


def test_json_errors_are_one_object(tmp_path: Path) -> None:
    write(tmp_path, "image: []\n")
    ran = bundler("lock", "--output", "json", folder=tmp_path)
    error = json.loads(ran.stderr)
    assert error["error"] == "Handwritten"
    assert error["exit_code"] == ran.code == 11
    assert error["hint"]


def test_init_twice(tmp_path: Path) -> None:
    assert bundler("init", tmp_path).code == 0
    told(bundler("init", tmp_path), 10, "exists already")


@pytest.mark.parametrize("name", ["nothing.json", "."])
def test_diff_of_what_is_no_release(tmp_path: Path, name: str) -> None:
    ran = bundler("diff", tmp_path / name, tmp_path / name)
    assert ran.code in {10, 13}
    assert "Traceback" not in ran.stderr
