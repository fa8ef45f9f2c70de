"""Why a registry can't be reached or lets nobody in: each reason has its own class and words."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airferry_fixtures.servers.certificates import Authority
from airferry_fixtures.servers.process import free_port
from airferry_fixtures.servers.registry import RegistryServer
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    AirferryError,
    InputError,
    MissingInputError,
    RegistryDeniedError,
    RegistryError,
    RegistryUnreachableError,
)
from airferry_registry import push
from airferry_registry.client import RegistryClient
from airferry_registry.credentials import NONE, Credentials, Login
from airferry_registry.settings import RegistrySettings

PASSWORD = "planted-password"


def complaint(
    kind: type[AirferryError], settings: RegistrySettings, login: Credentials = NONE
) -> str:
    with pytest.raises(kind) as caught:
        RegistryClient(settings, login).ping()
    assert type(caught.value) is kind
    assert caught.value.hint
    assert PASSWORD not in caught.value.message + caught.value.hint
    return caught.value.message


def logged_in(address: str, user: str, password: str) -> Credentials:
    return Credentials({address: Login(user, password)})


def test_nobody_listens() -> None:
    address = f"127.0.0.1:{free_port()}"
    words = complaint(RegistryUnreachableError, RegistrySettings(address, plain_http=True))
    assert f"http://{address}" in words
    assert "connection refused" in words


def test_a_name_that_nobody_knows() -> None:
    words = complaint(RegistryUnreachableError, RegistrySettings("registry.invalid"))
    assert "DNS" in words


def test_tls_where_the_registry_speaks_plain_http(registry: RegistryServer) -> None:
    with pytest.raises(RegistryUnreachableError, match="does not speak TLS") as caught:
        RegistryClient(RegistrySettings(registry.address)).ping()
    assert "plain_http: true" in caught.value.hint


def test_a_private_authority(start_registry: Any, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    server = start_registry(tls=authority.server())
    words = complaint(RegistryUnreachableError, RegistrySettings(server.address))
    assert "x509" in words
    client = RegistryClient(RegistrySettings(server.address, ca=authority.certificate))
    push.push_blob(client, "a", digest(b"data"), 4, [b"data"])
    assert client.small_blob("a", digest(b"data")) == b"data"
    with pytest.raises(RegistryError, match="TLS, not plain HTTP") as caught:
        RegistryClient(RegistrySettings(server.address, plain_http=True)).ping()
    assert "plain_http" in caught.value.hint


def test_an_authority_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        RegistryClient(RegistrySettings("r.example", ca=tmp_path / "ca.pem"))
    (tmp_path / "ca.pem").write_text("nonsense", encoding="utf-8")
    with pytest.raises(InputError, match="not a PEM certificate"):
        RegistryClient(RegistrySettings("r.example", ca=tmp_path / "ca.pem"))


def test_a_client_certificate_that_is_none(tmp_path: Path) -> None:
    """Each file by its name; and nobody is asked for a pass phrase."""
    one = Authority(tmp_path / "ca").client("ferry")
    other = Authority(tmp_path / "other").client("stranger")
    sealed = tmp_path / "sealed.key"
    key = serialization.load_pem_private_key(one.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    sealed.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"planted"),
        )
    )

    def refused(kind: type[AirferryError], certificate: Path, key: Path) -> str:
        with pytest.raises(kind) as caught:
            RegistryClient(
                RegistrySettings("r.example", client_certificate=certificate, client_key=key)
            )
        return caught.value.message

    none = tmp_path / "none.pem"
    assert str(none) in refused(MissingInputError, none, one.key)
    assert str(none) in refused(MissingInputError, one.certificate, none)
    assert str(other.key) in refused(InputError, one.certificate, other.key)
    assert str(tmp_path) in refused(InputError, tmp_path, one.key)
    assert "encrypted" in refused(InputError, one.certificate, sealed)


def test_a_login_is_wanted(start_registry: Any) -> None:
    server = start_registry(htpasswd=("ferry", PASSWORD))
    settings = RegistrySettings(server.address, plain_http=True)
    assert "there is none" in complaint(RegistryDeniedError, settings)
    wrong = complaint(RegistryDeniedError, settings, logged_in(server.address, "ferry", "wrong"))
    assert "wrong user name or password for ferry" in wrong
    client = RegistryClient(settings, logged_in(server.address, "ferry", PASSWORD))
    client.ping()
    push.push_blob(client, "a", digest(b"data"), 4, iter([b"data"]))
    assert client.blob_size("a", digest(b"data")) == 4
    assert client.tags("none") == ()


def test_a_login_out_of_the_docker_configuration(start_registry: Any, tmp_path: Path) -> None:
    server = start_registry(htpasswd=("ferry", PASSWORD))
    pair = base64.b64encode(f"ferry:{PASSWORD}".encode()).decode()
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"auths": {server.address: {"auth": pair}}}), encoding="utf-8")
    settings = RegistrySettings(server.address, plain_http=True)
    RegistryClient(settings, Credentials.from_docker_config(path)).ping()
    other = logged_in("127.0.0.1:1", "ferry", PASSWORD)
    assert "there is none" in complaint(RegistryDeniedError, settings, other)
