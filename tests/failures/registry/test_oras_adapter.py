"""The traps of oras-py, one by one: behind our adapter none of them is there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_fixtures.registry_content import stored
from airferry_fixtures.servers.faulty import Reply, Request, Serve
from airferry_fixtures.servers.process import free_port
from airferry_fixtures.servers.registry import RegistryServer
from airferry_foundation import clock
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    RegistryDeniedError,
    RegistryError,
    RegistryMismatchError,
    RegistryMissingError,
    RegistryUnreachableError,
)
from airferry_registry import push
from airferry_registry.client import RegistryClient
from airferry_registry.credentials import NONE, Credentials, Login
from airferry_registry.manifests import OCI_MANIFEST, Descriptor
from airferry_registry.oras_adapter import OrasRepository
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("registry")

Start = Callable[..., RegistryServer]
DATA = b"some bytes\n" * 1000
BLOB = Descriptor(digest(DATA), len(DATA), "application/x")
LOGIN = Login("ferry", "planted-password")


def oras(address: str, repository: str = "a/b", login: Login | None = None) -> OrasRepository:
    known = Credentials({address: login}) if login else NONE
    client = RegistryClient(RegistrySettings(address, plain_http=True), known)
    return OrasRepository(client, repository)


def test_there_and_back(start_registry: Start) -> None:
    """With a login, and a path that oras-py's own parser takes for a host."""
    registry = start_registry(htpasswd=("ferry", LOGIN.password))
    for repository in ("a", "a/b/c", "team.one/shop"):
        artifacts = oras(registry.address, repository, LOGIN)
        assert not artifacts.exists(BLOB)
        assert artifacts.upload(BLOB, [DATA]) is True
        assert artifacts.upload(BLOB, [DATA]) is False
        assert artifacts.read(BLOB, len(DATA)) == DATA
        with pytest.raises(RegistryError, match="are allowed here"):
            artifacts.read(BLOB, len(DATA) - 1)
        with pytest.raises(RegistryMissingError):
            artifacts.manifest("1.0")


# --- blobs in memory ------------------------------------------------------------------------------

_BIG = """
import hashlib, resource, sys
from airferry_registry.client import RegistryClient
from airferry_registry.manifests import Descriptor
from airferry_registry.oras_adapter import OrasRepository
from airferry_registry.settings import RegistrySettings
piece, count = bytes(range(256)) * 4096, 160
hasher = hashlib.sha256()
for _ in range(count):
    hasher.update(piece)
blob = Descriptor("sha256:" + hasher.hexdigest(), len(piece) * count, "application/x")
artifacts = OrasRepository(RegistryClient(RegistrySettings(sys.argv[1], plain_http=True)), "big")
artifacts.exists(blob)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
artifacts.upload(blob, [piece] * count)
got = sum(len(chunk) for chunk in artifacts.download(blob))
assert got == blob.size
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_no_blob_is_held_in_memory(start_registry: Start) -> None:
    registry = start_registry()
    command = [sys.executable, "-c", _BIG, registry.address]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 24_000  # kB, for 160 MiB both ways


# --- digests --------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [DATA[:-1] + b"!", DATA + b"!", DATA[:-1], b""])
def test_what_is_downloaded_is_hashed(serve: Serve, body: bytes) -> None:
    artifacts = oras(serve(lambda _: Reply(200, body=body)).address)
    with pytest.raises(RegistryMismatchError, match=BLOB.digest):
        artifacts.read(BLOB, 1 << 20)


def test_what_is_uploaded_is_hashed(start_registry: Start) -> None:
    registry = start_registry()
    artifacts = oras(registry.address)
    with pytest.raises(RegistryMismatchError):
        artifacts.upload(BLOB, [DATA[:-1] + b"!"])
    assert not artifacts.exists(BLOB)
    assert not [name for name in stored(registry) if "blobs/sha256" in name]


def test_a_manifest_that_is_another(serve: Serve) -> None:
    said = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": BLOB.digest}
    artifacts = oras(serve(lambda _: Reply(200, said, b"{}")).address)
    for reference in ("1", BLOB.digest):
        with pytest.raises(RegistryMismatchError, match="expected digest"):
            artifacts.manifest(reference)
    stores = oras(serve(lambda _: Reply(201, said)).address)
    with pytest.raises(RegistryMismatchError, match="expected digest"):
        stores.upload_manifest("1", b"{}", OCI_MANIFEST)


# --- manifests byte for byte ----------------------------------------------------------------------


def test_a_manifest_stays_as_it_is(start_registry: Start) -> None:
    """Spaces, the order of keys, and fields that oras-py knows nothing of."""
    artifacts = oras(start_registry().address)
    artifacts.upload(BLOB, [DATA])
    config = {"size": len(DATA), "mediaType": BLOB.media_type, "digest": BLOB.digest}
    content = {"layers": [], "x-own": 1.50, "config": config, "schemaVersion": 2}
    data = json.dumps(content | {"mediaType": OCI_MANIFEST}, indent=3).encode() + b"\n"
    assert artifacts.upload_manifest("1", data, OCI_MANIFEST) == digest(data)
    for reference in ("1", digest(data)):
        found = artifacts.manifest(reference)
        assert (found.data, found.media_type, found.digest) == (data, OCI_MANIFEST, digest(data))


# --- credentials ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_a_realm_is_not_followed_with_the_credentials(serve: Serve, scheme: str) -> None:
    thief = serve(lambda _: Reply(200, body=b'{"token":"x"}'))
    realm = f'{scheme} realm="http://{thief.address}/token"'
    server = serve(lambda _: Reply(401, {"WWW-Authenticate": realm}))
    with pytest.raises(RegistryDeniedError) as caught:
        oras(server.address, login=LOGIN).manifest("1")
    assert thief.requests == []
    assert LOGIN.password not in caught.value.message + caught.value.hint


def test_a_basic_realm_that_is_a_word(serve: Serve) -> None:
    def script(request: Request) -> Reply:
        if request.headers.get("authorization") != LOGIN.basic:
            return Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})
        return Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}")

    server = serve(script)
    assert oras(server.address, login=LOGIN).manifest("1").data == b"{}"
    assert len(server.requests) == 2


def test_a_login_in_netrc_or_home_is_not_taken(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `requests` and oras-py would find by themselves."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password planted\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    (tmp_path / ".docker").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    server = serve(lambda _: Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}"))
    auths = {"auths": {server.address: {"auth": "dGhpZWY6cGxhbnRlZA=="}}}
    (tmp_path / ".docker" / "config.json").write_text(json.dumps(auths))
    oras(server.address).manifest("1")
    assert all("authorization" not in request.headers for request in server.requests)


def test_a_redirect_takes_no_credentials_along(serve: Serve) -> None:
    storage = serve(lambda _: Reply(200, body=DATA))

    def script(request: Request) -> Reply:
        if request.headers.get("authorization") != LOGIN.basic:
            return Reply(401, {"WWW-Authenticate": 'Basic realm="x"'})
        return Reply(307, {"Location": f"http://{storage.address}/blob"})

    assert oras(serve(script).address, login=LOGIN).read(BLOB, 1 << 20) == DATA
    assert [request.headers.get("authorization") for request in storage.requests] == [None]


# --- a wrong host ---------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["", "registry.invalid:5000"])
def test_a_wrong_host_is_told_at_once(address: str) -> None:
    begun = time.monotonic()
    with pytest.raises(RegistryUnreachableError):
        oras(address or f"127.0.0.1:{free_port()}").manifest("1")
    assert time.monotonic() - begun < 15  # oras-py by itself: 131 s


def test_a_broken_registry_is_asked_a_few_times(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(clock, "pause", waited.append)
    server = serve(lambda _: Reply(500))
    with pytest.raises(RegistryError, match="500"):
        oras(server.address).manifest("1")
    assert sum(waited) < 5
    assert len(server.requests) == 4


def test_pushed_by_us_it_is_found_by_oras(start_registry: Start) -> None:
    artifacts = oras(start_registry().address)
    push.push_blob(artifacts.client, "a/b", BLOB.digest, BLOB.size, [DATA])
    assert artifacts.exists(BLOB)
