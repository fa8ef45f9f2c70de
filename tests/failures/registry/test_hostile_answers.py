"""Answers that are meant to hurt: addresses, waits, lists, bodies, challenges without measure."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable

import pytest

from airferry_fixtures.servers.faulty import FaultyServer, Reply, Request, Script, Serve
from airferry_fixtures.servers.front import forward
from airferry_fixtures.servers.registry import NEW, OLD, RegistryServer
from airferry_foundation import clock
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    RegistryDeniedError,
    RegistryError,
    RegistryUnreachableError,
)
from airferry_registry import pull, push, referrers
from airferry_registry.client import RegistryClient
from airferry_registry.credentials import NONE, Credentials, Login
from airferry_registry.manifests import OCI_INDEX, OCI_MANIFEST
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.usefixtures("pauses")

DATA = bytes(range(256)) * 16
NAME = digest(DATA)
HERE = {"Location": "/v2/a/blobs/uploads/u"}


def client_of(address: str, *, login: bool = False) -> RegistryClient:
    known = Credentials({address: Login("ferry", "planted")}) if login else NONE
    return RegistryClient(RegistrySettings(address, plain_http=True), known)


def send(server: FaultyServer, **more: int) -> None:
    push.push_blob(client_of(server.address), "a", NAME, len(DATA), [DATA], **more)


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    ["http://[::1", "https://[bad]/", "javascript:x", "file:///etc/passwd", "https://a..b/",
     "https://127.0.0.1:99999/", "http://a b/", "https://", "ftp://x/"],
)  # fmt: skip
def test_a_place_that_is_no_address(serve: Serve, place: str) -> None:
    moved = serve(lambda _: Reply(307, {"Location": place}))
    with pytest.raises(RegistryError, match="which is no address") as caught:
        pull.fetch(client_of(moved.address), "a", NAME, len(DATA), lambda _: None)
    assert moved.address in caught.value.message
    elsewhere = serve(lambda _: Reply(202, {"Location": place}))
    with pytest.raises(RegistryError, match="which is no address"):
        send(elsewhere)
    assert len(elsewhere.requests) == 1


@pytest.mark.parametrize("realm", ["https://[", "https://a..b/", "https://"])
def test_a_realm_that_is_no_address(serve: Serve, realm: str) -> None:
    server = serve(lambda _: Reply(401, {"WWW-Authenticate": f'Bearer realm="{realm}"'}))
    with pytest.raises(RegistryError, match="which is no address") as caught:
        client_of(server.address, login=True).ping()
    assert "planted" not in caught.value.message


def test_where_nobody_listens_is_named(serve: Serve) -> None:
    """Not the registry, which has sent us there."""
    server = serve(lambda _: Reply(307, {"Location": "http://127.0.0.1:9/blob"}))
    with pytest.raises(RegistryUnreachableError, match=r"registry http://127\.0\.0\.1:9: nothing"):
        pull.fetch(client_of(server.address), "a", NAME, len(DATA), lambda _: None)


# --- waits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["\xb2", "-5", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"])
def test_a_wait_that_makes_no_sense(serve: Serve, pauses: list[float], asked: str) -> None:
    answers = iter([Reply(503, {"Retry-After": asked}), Reply(200)])
    client_of(serve(lambda _: next(answers)).address).ping()
    assert pauses == [0.25]


def refusing(status: int, times: int, asked: str = "7") -> Script:
    """A registry that puts bodies of blobs off so many times."""
    left = [times]

    def script(request: Request) -> Reply:
        if request.method not in {"PUT", "PATCH"}:
            return Reply(202, HERE)
        if left[0]:
            left[0] -= 1
            return Reply(status, {"Retry-After": asked})
        return Reply(202 if request.method == "PATCH" else 201, HERE)

    return script


@pytest.mark.parametrize("chunk_size", [1000, 1 << 20])
@pytest.mark.parametrize("status", [429, 503])
def test_an_upload_that_is_put_off(
    serve: Serve, pauses: list[float], status: int, chunk_size: int
) -> None:
    server = serve(refusing(status, 2))
    send(server, chunk_size=chunk_size)
    assert pauses == [7.0, 0.5, 7.0, 1.0]
    sent = server.asked("PUT" if chunk_size > len(DATA) else "PATCH")
    assert b"".join(request.body for request in sent[2:]) == DATA


def test_an_upload_that_is_put_off_for_ever(serve: Serve, pauses: list[float]) -> None:
    server = serve(refusing(503, 1000))
    with pytest.raises(RegistryUnreachableError, match=r"takes nothing now \(503\)"):
        send(server)
    assert len(server.asked("PUT")) == 5
    server.script = refusing(429, 1000, "31536000")
    with pytest.raises(RegistryError, match="asks to wait 31536000 s"):
        send(server)


def test_what_is_given_up_is_not_waited_for(serve: Serve, pauses: list[float]) -> None:
    """To cancel an upload is a courtesy."""
    server = serve(lambda _: Reply(503, {"Retry-After": "50"}))
    client_of(server.address).cancel_upload("a", f"http://{server.address}/u")
    assert pauses == []


def test_a_realm_that_is_busy(serve: Serve, pauses: list[float]) -> None:
    replies = itertools.chain([Reply(429, {"Retry-After": "3"})], itertools.repeat(None))

    def script(request: Request) -> Reply:
        if request.path.startswith("/token"):
            return next(replies) or Reply(200, body=b'{"token":"t"}')
        if request.headers.get("authorization") == "Bearer t":
            return Reply(200)
        return Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{server.address}/token"'})

    server = serve(script)
    client_of(server.address, login=True).ping()
    assert pauses == [3.0]


# --- lists and bodies without end -----------------------------------------------------------------


def test_tags_without_end(serve: Serve) -> None:
    count = itertools.count()

    def script(_: Request) -> Reply:
        page = next(count)
        tags = {"tags": [f"t{page}-{number}" for number in range(5000)]}
        return Reply(200, {"Link": '</v2/a/tags/list>; rel="next"'}, json.dumps(tags).encode())

    with pytest.raises(RegistryError, match="lists more than 100,000"):
        client_of(serve(script).address).tags("a")


def test_referrers_without_end(serve: Serve) -> None:
    entry = {"mediaType": OCI_MANIFEST, "digest": NAME, "size": 5}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] * 20_000}
    more = {"Link": f'</v2/a/referrers/{NAME}>; rel="next"'}
    server = serve(lambda _: Reply(200, more, json.dumps(index).encode()))
    with pytest.raises(RegistryError, match="lists more than 100,000"):
        client_of(server.address).referrers("a", NAME)


def test_referrers_that_would_fill_the_memory(serve: Serve) -> None:
    body = b'{"schemaVersion":2}' + b" " * (4_000_000)
    entry = {"mediaType": OCI_MANIFEST, "digest": digest(body), "size": len(body)}
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] * 900}

    def script(request: Request) -> Reply:
        if "/referrers/" in request.path:
            return Reply(200, body=json.dumps(index).encode())
        return Reply(200, {"Content-Type": OCI_MANIFEST}, body)

    server = serve(script)
    with pytest.raises(RegistryError, match="more than 64 MiB"):
        referrers.in_repository(client_of(server.address), "a", NAME)
    assert len(server.requests) < 20


def test_a_small_body_that_drips(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time; all of them never would."""
    hours = itertools.count(step=3600)
    monkeypatch.setattr(clock, "monotonic", lambda: float(next(hours)))
    server = serve(lambda _: Reply(200, {"Content-Type": OCI_MANIFEST}, b" " * 300_000))
    with pytest.raises(RegistryUnreachableError, match="stopped answering"):
        client_of(server.address).manifest("a", "1")


@pytest.mark.parametrize("length", ["\xb2", "9" * 40, "-1", ""])
def test_a_length_that_is_none(serve: Serve, length: str) -> None:
    server = serve(lambda _: Reply(200, {"Content-Length": length}))
    with pytest.raises(RegistryError, match="does not say the size"):
        client_of(server.address).blob_size("a", NAME)


@pytest.mark.parametrize(
    "header",
    {
        "WWW-Authenticate": "a" * 65_000,
        "Link": "<a" * 30_000,
    }.items(),
)
def test_headers_that_would_take_minutes_to_read(serve: Serve, header: tuple[str, str]) -> None:
    """A pattern that tries again at each letter takes half an hour for one of these."""
    status = 401 if header[0] == "WWW-Authenticate" else 200
    client = client_of(serve(lambda _: Reply(status, dict([header]), b"{}")).address)
    begun = time.process_time()
    if status == 401:
        with pytest.raises(RegistryDeniedError):
            client.tags("a")
    else:
        assert client.tags("a") == ()
    assert time.process_time() - begun < 10


# --- on a real registry ---------------------------------------------------------------------------


@pytest.mark.program(NEW, OLD)
@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_the_answer_to_a_commit_that_is_lost(
    start_registry: Callable[..., RegistryServer], serve: Serve
) -> None:
    """The registry has the blob then, and knows its upload no more."""
    registry = start_registry()
    lost: list[Request] = []

    def script(request: Request) -> Reply:
        reply = forward(registry)(request)
        if request.method == "PUT" and not lost:
            lost.append(request)
            return Reply(cut_after=-1)
        return reply

    server = serve(script)
    send(server, chunk_size=1000)
    assert lost
    assert len(server.asked("POST")) == 1
    assert client_of(registry.address).small_blob("a", NAME) == DATA
