"""Edges of registries, each on a real one: who is let in, how it is reached, what it refuses.

Where distribution can't be made to do it, a small front is put before it that changes one thing.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airferry_fixtures import images
from airferry_fixtures.customers import customer_of
from airferry_fixtures.registry_content import stored
from airferry_fixtures.servers.certificates import Authority
from airferry_fixtures.servers.faulty import Reply, Request, Serve
from airferry_fixtures.servers.front import Created, Flat, forward
from airferry_fixtures.servers.proxy import Proxy
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.servers.tokens import Tokens
from airferry_fixtures.simulator import bundle_of, image_of, noise, product_of
from airferry_fixtures.statements import Vendor
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    InputError,
    ProgramFailedError,
    RegistryDeniedError,
    RegistryError,
    RegistryMismatchError,
    RegistryMissingError,
    RegistryUnreachableError,
)
from airferry_registry import pull, push
from airferry_registry.client import RegistryClient
from airferry_registry.credentials import NONE, Credentials, Login
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("registry")

Start = Callable[..., RegistryServer]
PASSWORD = "planted-password"
DATA = noise(300_000, "edges")
NAME = digest(DATA)


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    made = Tokens(Authority(tmp_path / "authority"))
    with made.server:
        yield made


def plain(address: str, login: Login | None = None) -> RegistryClient:
    known = Credentials({address: login}) if login else NONE
    return RegistryClient(RegistrySettings(address, plain_http=True), known)


def carry(client: RegistryClient, repository: str = "shop/web") -> None:
    """There and back again: a blob, an image, its tag."""
    push.push_blob(client, repository, NAME, len(DATA), [DATA])
    got = bytearray()
    pull.fetch(client, repository, NAME, len(DATA), got.extend)
    assert bytes(got) == DATA
    one = images.tiny()
    images.push_image(client, repository, "1", one)
    assert client.manifest(repository, "1").digest == one.digest
    assert "1" in client.tags(repository)


# --- bearer tokens --------------------------------------------------------------------------------


def token_client(tokens: Tokens, registry: RegistryServer, password: str = "") -> RegistryClient:
    """The registry speaks plain HTTP, its realm TLS: who trusts the authority gets a token."""
    login = Login(tokens.user, password or tokens.password)
    ca = tokens.authority.certificate
    settings = RegistrySettings(registry.address, ca=ca)
    return RegistryClient(settings, Credentials({registry.address: login}))


def token_registry(tokens: Tokens, start_registry: Start) -> RegistryServer:
    return start_registry(tls=tokens.authority.server(), more=tokens.registry_options())


def test_bearer_tokens(tokens: Tokens, start_registry: Start) -> None:
    registry = token_registry(tokens, start_registry)
    carry(token_client(tokens, registry))
    assert ["repository:shop/web:pull,push"] in tokens.issued
    with pytest.raises(RegistryDeniedError, match="wrong user name or password for ferry"):
        token_client(tokens, registry, "wrong").ping()
    settings = RegistrySettings(registry.address, ca=tokens.authority.certificate)
    with pytest.raises(RegistryDeniedError, match="there is none"):
        RegistryClient(settings).ping()


def test_a_mount_asks_for_both_repositories(tokens: Tokens, start_registry: Start) -> None:
    registry = token_registry(tokens, start_registry)
    client = token_client(tokens, registry)
    push.push_blob(client, "one", NAME, len(DATA), [DATA])
    assert client.mount("two", NAME, "one")
    assert ["repository:one:pull", "repository:two:pull,push"] in tokens.issued


@pytest.mark.parametrize("claimed", [1, 300])
def test_tokens_that_expire_between_requests(
    tokens: Tokens, start_registry: Start, claimed: int
) -> None:
    """Whether the realm tells their end or lies about it."""
    tokens.life, tokens.claimed = 5, claimed
    registry = token_registry(tokens, start_registry)
    client = token_client(tokens, registry)
    carry(client)
    time.sleep(5.5)
    tokens.life = 300
    before = len(tokens.issued)
    carry(client, "shop/web")
    assert len(tokens.issued) > before


def test_a_token_that_expires_in_the_middle_of_an_upload(
    tokens: Tokens, start_registry: Start
) -> None:
    """The bytes flow by and can't be sent twice: the upload goes on with a new token."""
    tokens.life, tokens.claimed = 5, 300
    registry = token_registry(tokens, start_registry)
    client = token_client(tokens, registry)
    slept: list[float] = []

    class Slow:
        def __iter__(self) -> Iterator[bytes]:
            for start in range(0, len(DATA), 100_000):
                if start == 200_000 and not slept:
                    slept.append(5.5)
                    time.sleep(5.5)
                    tokens.life = 300
                yield DATA[start : start + 100_000]

    push.push_blob(client, "a", NAME, len(DATA), Slow(), chunk_size=100_000)
    assert slept
    assert client.small_blob("a", NAME, len(DATA)) == DATA


def test_the_password_goes_to_the_realm_and_tokens_to_the_registry(
    tokens: Tokens, start_registry: Start
) -> None:
    registry = token_registry(tokens, start_registry)
    carry(token_client(tokens, registry))
    seen = {request.headers.get("authorization", "")[:6] for request in tokens.server.requests}
    assert seen == {"Basic "}


# --- docker's configuration -----------------------------------------------------------------------


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A credential helper, a real program on PATH, and a config.json that names it."""

    def make(body: str, address: str = "") -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "docker-credential-test"
        program.write_text(f"#!/bin/sh\nread host\n{body}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"credsStore": "test"}))
        return path

    return make


def test_a_credential_helper(start_registry: Start, helper: Callable[[str], Path]) -> None:
    registry = start_registry(htpasswd=("ferry", PASSWORD))
    answer = json.dumps({"Username": "ferry", "Secret": PASSWORD})
    config = helper(f'[ "$host" = "{registry.address}" ] || exit 1\necho \'{answer}\'')
    logins = Credentials.from_docker_config(config)
    settings = RegistrySettings(registry.address, plain_http=True)
    carry(RegistryClient(settings, logins))
    assert PASSWORD not in repr(logins)


def test_a_credential_helper_that_prints_an_error(
    start_registry: Start, helper: Callable[[str], Path]
) -> None:
    registry = start_registry(htpasswd=("ferry", PASSWORD))
    config = helper("echo 'the vault is locked'; exit 1")
    settings = RegistrySettings(registry.address, plain_http=True)
    with pytest.raises(ProgramFailedError, match="the vault is locked") as caught:
        RegistryClient(settings, Credentials.from_docker_config(config))
    assert registry.address in caught.value.message


def test_a_credential_helper_that_knows_nothing(
    start_registry: Start, helper: Callable[[str], Path]
) -> None:
    registry = start_registry(htpasswd=("ferry", PASSWORD))
    config = helper("echo 'credentials not found in native keychain'; exit 1")
    settings = RegistrySettings(registry.address, plain_http=True)
    with pytest.raises(RegistryDeniedError, match="there is none"):
        RegistryClient(settings, Credentials.from_docker_config(config)).ping()


# --- TLS ------------------------------------------------------------------------------------------


def test_a_client_certificate(tmp_path: Path, start_registry: Start) -> None:
    authority = Authority(tmp_path / "ca")
    mutual = {"http": {"tls": {"clientcas": [str(authority.certificate)]}}}
    registry = start_registry(tls=authority.server(), more=mutual)
    own = authority.client("ferry")
    ca = authority.certificate
    settings = RegistrySettings(
        registry.address, ca=ca, client_certificate=own.certificate, client_key=own.key
    )
    carry(RegistryClient(settings))
    with pytest.raises(RegistryUnreachableError) as caught:
        RegistryClient(RegistrySettings(registry.address, ca=ca)).ping()
    assert "certificate" in caught.value.message + caught.value.hint
    stranger = Authority(tmp_path / "other").client("ferry")
    with pytest.raises(RegistryUnreachableError):
        RegistryClient(
            RegistrySettings(
                registry.address,
                ca=ca,
                client_certificate=stranger.certificate,
                client_key=stranger.key,
            )
        ).ping()


def test_plain_http_only_where_it_is_said(
    tmp_path: Path, start_registry: Start, serve: Serve
) -> None:
    """Nothing is sent in the clear: the server sees no request at all."""
    registry = start_registry()
    server = serve(forward(registry))
    login = Credentials({server.address: Login("ferry", PASSWORD)})
    with pytest.raises(RegistryUnreachableError, match="does not speak TLS"):
        RegistryClient(RegistrySettings(server.address), login).ping()
    assert server.requests == []
    vendor = Vendor()
    customer = customer_of(tmp_path / "c", server.address, vendor, registry="flatten: false")
    bundle = bundle_of(tmp_path / "b.tar.zst", vendor, product_of(images=[image_of()]))
    done = customer.run("load", bundle)
    assert done.code == 31
    assert "plain_http: true" in done.stderr
    assert server.requests == []


# --- proxies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
def test_the_proxy_of_the_environment(
    tmp_path: Path, start_registry: Start, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    authority = Authority(tmp_path / "ca")
    pair = authority.server("server", "registry.test") if tls else None
    registry = start_registry(tls=pair)
    address = "registry.test:5000"
    settings = RegistrySettings(
        address, plain_http=not tls, ca=authority.certificate if tls else None
    )
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Proxy({address: registry.address}) as proxy:
        monkeypatch.setenv("https_proxy" if tls else "http_proxy", proxy.url)
        carry(RegistryClient(settings))
        assert proxy.asked
        wanted = f"CONNECT {address} " if tls else f"GET http://{address}/v2/"
        assert any(line.startswith(wanted) for line in proxy.asked)
        before = len(proxy.asked)
        monkeypatch.setenv("no_proxy", "registry.test")
        with pytest.raises(RegistryUnreachableError, match="DNS"):
            RegistryClient(settings).ping()
        assert len(proxy.asked) == before


@pytest.mark.parametrize("tls", [False, True])
def test_a_proxy_that_wants_a_login(
    tmp_path: Path, start_registry: Start, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    """It stands in the variable, as for curl; the registry never sees it."""
    authority = Authority(tmp_path / "ca")
    registry = start_registry(tls=authority.server("server", "registry.test") if tls else None)
    address = "registry.test:5000"
    settings = RegistrySettings(
        address, plain_http=not tls, ca=authority.certificate if tls else None
    )
    monkeypatch.delenv("no_proxy", raising=False)
    variable = "https_proxy" if tls else "http_proxy"
    with Proxy({address: registry.address}, login="anna:s3cr3t/:") as proxy:
        place = proxy.url.removeprefix("http://")
        monkeypatch.setenv(variable, f"anna:s3cr3t%2F%3A@{place}")
        carry(RegistryClient(settings))
        for wrong in (f"http://{place}", f"http://anna:planted@{place}"):
            monkeypatch.setenv(variable, wrong)
            with pytest.raises(RegistryError, match="proxy") as caught:
                RegistryClient(settings).ping()
            assert "planted" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("value", ["socks5://anna:planted@127.0.0.1:9", "http://", "http://[x"])
def test_a_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", value)
    with pytest.raises(InputError, match="proxy that the environment names") as caught:
        plain("registry.test:5000")
    assert "planted" not in caught.value.message


def test_a_proxy_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(RegistryUnreachableError, match="proxy"):
        plain("registry.test:5000").ping()


def test_no_proxy_for_this_machine(start_registry: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    carry(plain(start_registry().address))


# --- busy, broken, lying --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_registry(
    start_registry: Start, serve: Serve, pauses: list[float], status: int
) -> None:
    """Every third request is put off, as long as it says; in the end all is as it should be."""
    registry = start_registry()
    count = [0]

    def script(request: Request) -> Reply:
        count[0] += 1
        flowing = request.method in {"PUT", "PATCH"} and "/uploads/" in request.path
        if count[0] % 3 == 0 and not flowing:
            return Reply(status, {"Retry-After": "2"})
        return forward(registry)(request)

    carry(plain(serve(script).address))
    assert pauses
    assert set(pauses) == {2.0}


def test_a_connection_that_is_cut_in_the_middle_of_a_body(
    start_registry: Start, serve: Serve, pauses: list[float]
) -> None:
    registry = start_registry()

    def script(request: Request) -> Reply:
        reply = forward(registry)(request)
        cut = 100_001 if request.method == "GET" and "/blobs/sha256" in request.path else None
        return Reply(reply.status, reply.headers, reply.body, cut or reply.cut_after)

    server = serve(script)
    carry(plain(server.address))
    asked = [r.headers.get("range") for r in server.asked("GET") if NAME in r.path]
    assert asked == [None, "bytes=100001-", "bytes=200002-"]


def test_a_registry_whose_storage_lies(start_registry: Start) -> None:
    registry = start_registry()
    client = plain(registry.address)
    carry(client)
    [path] = registry.folder.rglob(f"sha256/{NAME[7:9]}/{NAME[7:]}/data")
    path.write_bytes(DATA[:-1] + b"!")
    with pytest.raises(RegistryMismatchError, match=NAME):
        pull.fetch(client, "shop/web", NAME, len(DATA), lambda _: None)
    one = images.tiny()
    [path] = registry.folder.rglob(f"sha256/{one.digest[7:9]}/{one.digest[7:]}/data")
    path.write_bytes(path.read_bytes().replace(b'"size"', b'"sizf"', 1))
    with pytest.raises(RegistryError):
        client.manifest("shop/web", one.digest)


# --- redirects ------------------------------------------------------------------------------------


def test_storage_elsewhere_sees_no_credentials(start_registry: Start, serve: Serve) -> None:
    """Distribution's own redirect to a storage on another host, as clouds do it."""
    folder: list[Path] = []

    def storage(request: Request) -> Reply:
        path = folder[0] / "data" / request.path.partition("?")[0].lstrip("/")
        return Reply(200, body=path.read_bytes())

    elsewhere = serve(storage)
    redirect = {"baseurl": f"http://{elsewhere.address}/"}
    more = {"middleware": {"storage": [{"name": "redirect", "options": redirect}]}}
    registry = start_registry(htpasswd=("ferry", PASSWORD), more=more)
    folder.append(registry.folder)
    carry(plain(registry.address, Login("ferry", PASSWORD)))
    assert elsewhere.requests
    secret = base64.b64encode(f"ferry:{PASSWORD}".encode()).decode()
    for request in elsewhere.requests:
        assert "authorization" not in request.headers
        assert secret not in str(request)


# --- repositories ---------------------------------------------------------------------------------


def test_repositories_that_must_be_made_first(
    tmp_path: Path, start_registry: Start, serve: Serve
) -> None:
    """As ECR: the error names every one of them; once they are there the same command goes on."""
    registry = start_registry()
    edge = Created(registry)
    server = serve(edge)
    vendor = Vendor()
    customer = customer_of(tmp_path / "c", f"{server.address}/team", vendor)
    two = [image_of("docker.io/acme/web:1"), image_of("docker.io/acme/api:1", layers=[b"api"])]
    bundle = bundle_of(tmp_path / "b.tar.zst", vendor, product_of(images=two))
    done = customer.run("load", bundle)
    assert done.code == 33, done.stderr
    names = {"team/docker.io/acme/web", "team/docker.io/acme/api"}
    for name in names:
        assert name in done.stderr.partition("next:")[2]
    assert "makes no repository by itself" in done.stderr
    edge.repositories |= names
    assert customer.run("load", bundle).code == 0


def test_what_is_read_is_just_not_there(start_registry: Start, serve: Serve) -> None:
    client = plain(serve(Created(start_registry())).address)
    with pytest.raises(RegistryMissingError) as caught:
        client.manifest("a", "1")
    assert "Create" not in caught.value.hint
    assert client.has_manifest("a", "1") is None


def test_nested_paths_that_are_refused(tmp_path: Path, start_registry: Start, serve: Serve) -> None:
    registry = start_registry()
    server = serve(Flat(registry))
    vendor = Vendor()
    bundle = bundle_of(tmp_path / "b.tar.zst", vendor, product_of(images=[image_of()]))
    nested = customer_of(tmp_path / "c", server.address, vendor)
    done = nested.run("load", bundle)
    assert done.code == 30, done.stderr
    assert "flatten: true" in done.stderr
    assert stored(registry) == frozenset()
    flat = customer_of(
        tmp_path / "d", server.address, vendor, registry="plain_http: true, flatten: true"
    )
    loaded = flat.run("load", bundle, "--output", "json")
    assert loaded.code == 0, loaded.stderr
    assert all("docker.io-acme-web@" in here for here in loaded.answer["images"].values())
