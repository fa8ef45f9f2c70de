"""Registries that lie, cut connections, ask to wait or point elsewhere.

A scripted server stands in: a real registry can't be made to do these.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from airferry_fixtures.servers.faulty import FaultyServer, Reply, Request, Script, Serve
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    RegistryDeniedError,
    RegistryError,
    RegistryMismatchError,
    RegistryUnreachableError,
)
from airferry_registry import cuts, pull, push
from airferry_registry.client import RegistryClient
from airferry_registry.credentials import NONE, Credentials, Login
from airferry_registry.manifests import OCI_MANIFEST
from airferry_registry.settings import RegistrySettings

DATA = bytes(range(256)) * 16
NAME = digest(DATA)
HERE = {"Location": "/v2/a/blobs/uploads/u"}
PASSWORD = "planted-password"
BASIC = Login("ferry", PASSWORD).basic


def client_of(server: FaultyServer, *, login: bool = False) -> RegistryClient:
    known = {server.address: Login("ferry", PASSWORD)} if login else {}
    settings = RegistrySettings(server.address, plain_http=True)
    return RegistryClient(settings, Credentials(known) if known else NONE)


def fetched(client: RegistryClient, *, resume: bool = True) -> bytes:
    got = bytearray()
    pull.fetch(client, "a", NAME, len(DATA), got.extend, resume=resume)
    return bytes(got)


def ranged(request: Request, body: bytes, cut: int | None) -> Reply:
    """What a registry answers that knows Range."""
    start = int(request.headers.get("range", "bytes=0-")[6:-1])
    if not start:
        return Reply(200, body=body, cut_after=cut)
    said = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
    return Reply(206, said, body[start:], cut)


# --- cut connections ------------------------------------------------------------------------------


def test_a_cut_blob_goes_on_where_it_was(serve: Serve, pauses: list[float]) -> None:
    server = serve(lambda request: ranged(request, DATA, 1000))
    assert fetched(client_of(server)) == DATA
    asked = [request.headers.get("range") for request in server.requests]
    assert asked == [None, "bytes=1000-", "bytes=2000-", "bytes=3000-", "bytes=4000-"]


def test_a_registry_without_ranges_is_read_anew(serve: Serve, pauses: list[float]) -> None:
    cuts = iter([1000, 2000, None])
    server = serve(lambda _: Reply(200, body=DATA, cut_after=next(cuts)))
    assert fetched(client_of(server)) == DATA
    assert len(server.requests) == 3


def test_cuts_without_progress_end_it(serve: Serve, pauses: list[float]) -> None:
    server = serve(lambda request: ranged(request, DATA, 0 if len(server.requests) > 1 else 1000))
    with pytest.raises(RegistryUnreachableError, match="cut the connection"):
        fetched(client_of(server))
    assert len(server.requests) == cuts.TRIES
    assert pauses == [0.5, 1.0, 2.0, 4.0]


def test_resuming_can_be_forbidden(serve: Serve, pauses: list[float]) -> None:
    server = serve(lambda request: ranged(request, DATA, 1000))
    with pytest.raises(RegistryUnreachableError):
        fetched(client_of(server), resume=False)
    assert len(server.requests) == 1


def test_a_part_from_elsewhere_is_refused(serve: Serve, pauses: list[float]) -> None:
    def script(request: Request) -> Reply:
        if "range" not in request.headers:
            return Reply(200, body=DATA, cut_after=1000)
        return Reply(206, {"Content-Range": "bytes 7-9/4096"}, DATA[7:10])

    with pytest.raises(RegistryError, match="bytes 7-9/4096"):
        fetched(client_of(serve(script)))


def test_a_cut_manifest_is_asked_for_again(serve: Serve, pauses: list[float]) -> None:
    body = b'{"schemaVersion":2}'
    cuts = iter([5, None])
    kind = {"Content-Type": OCI_MANIFEST}
    server = serve(lambda _: Reply(200, kind, body, cut_after=next(cuts)))
    assert client_of(server).manifest("a", "1").data == body


def test_an_upload_that_is_cut_starts_anew(serve: Serve, pauses: list[float]) -> None:
    tries = iter([True, False])

    def script(request: Request) -> Reply:
        if request.method == "POST":
            return Reply(202, {"Location": "/v2/a/blobs/uploads/u"})
        if request.method == "PUT" and next(tries):
            return Reply(cut_after=-1)
        return Reply(201 if request.method == "PUT" else 204)

    server = serve(script)
    push.push_blob(client_of(server), "a", NAME, len(DATA), [DATA[:99], DATA[99:]])
    assert [request.body for request in server.asked("PUT")] == [DATA, DATA]
    assert len(server.asked("POST")) == 2
    assert len(server.asked("DELETE")) == 1


@pytest.mark.parametrize("chunk_size", [1000, 1 << 20])
def test_an_upload_that_would_be_wrong_is_cancelled(serve: Serve, chunk_size: int) -> None:
    def script(request: Request) -> Reply:
        statuses = {"POST": 202, "PATCH": 202, "PUT": 201, "DELETE": 204}
        return Reply(statuses[request.method], {"Location": "/v2/a/blobs/uploads/u"})

    server = serve(script)
    wrong = DATA[:-1] + b"!"
    with pytest.raises(RegistryMismatchError):
        push.push_blob(
            client_of(server), "a", NAME, len(DATA), [wrong[:99], wrong[99:]], chunk_size=chunk_size
        )
    assert len(server.asked("DELETE")) == 1
    assert sum(len(request.body) for request in server.requests) < len(DATA)


def test_an_upload_whose_registry_was_not_done_with_what_it_got(
    serve: Serve, pauses: list[float]
) -> None:
    """It answered 1,000 bytes, wrote more of a request that was cut, and is asked what it has."""
    answers = iter([Reply(202, HERE), Reply(416), *[Reply(202, HERE)] * 3])

    def script(request: Request) -> Reply:
        if request.method == "PATCH":
            return next(answers)
        if request.method == "GET":
            return Reply(204, HERE | {"Range": "0-2499"})
        return Reply(201 if request.method == "PUT" else 202, HERE)

    server = serve(script)
    push.push_blob(client_of(server), "a", NAME, len(DATA), [DATA], chunk_size=1000)
    ranges = [request.headers["content-range"] for request in server.asked("PATCH")]
    assert ranges == ["0-999", "1000-1999", "2500-2999", "3000-3999", "4000-4095"]
    assert server.asked("DELETE") == []


# --- lies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [DATA[:-1] + b"!", DATA + b"!", DATA[:-1], b""])
def test_a_registry_that_lies_about_a_blob(serve: Serve, body: bytes) -> None:
    client = client_of(serve(lambda _: Reply(200, body=body)))
    with pytest.raises(RegistryMismatchError) as caught:
        fetched(client)
    assert NAME in caught.value.message
    with pytest.raises(RegistryMismatchError):
        client.small_blob("a", NAME)


def test_no_byte_too_many_reaches_the_sink(serve: Serve) -> None:
    got = bytearray()
    client = client_of(serve(lambda _: Reply(200, body=DATA + b"!" * 1000)))
    with pytest.raises(RegistryMismatchError):
        pull.fetch(client, "a", NAME, len(DATA), got.extend)
    assert len(got) <= len(DATA)


def test_a_registry_that_lies_about_a_manifest(serve: Serve) -> None:
    said = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": NAME}
    client = client_of(serve(lambda _: Reply(200, said, b"{}")))
    for reference in ("1", NAME):
        with pytest.raises(RegistryMismatchError, match="expected digest"):
            client.manifest("a", reference)


def test_a_registry_that_stores_something_else(serve: Serve) -> None:
    client = client_of(serve(lambda _: Reply(201, {"Docker-Content-Digest": NAME})))
    with pytest.raises(RegistryMismatchError, match=NAME):
        client.put_manifest("a", "1", b"{}", OCI_MANIFEST)


def test_a_manifest_without_end_is_capped(serve: Serve) -> None:
    body = b" " * (5 << 20)
    with pytest.raises(RegistryError, match="allowed"):
        client_of(serve(lambda _: Reply(200, {}, body))).manifest("a", "1")


# --- waiting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_it_waits_as_long_as_it_is_asked_to(serve: Serve, pauses: list[float], status: int) -> None:
    replies = iter([Reply(status, {"Retry-After": "7"}), Reply(status), Reply(200, body=DATA)])
    assert fetched(client_of(serve(lambda _: next(replies)))) == DATA
    assert pauses == [7.0, 0.5]


def test_it_does_not_wait_for_ever(serve: Serve, pauses: list[float]) -> None:
    server = serve(lambda _: Reply(429, {"Retry-After": "3600"}))
    with pytest.raises(RegistryError, match="asks to wait 3600 s"):
        client_of(server).ping()
    server.script = lambda _: Reply(503, body=b'{"errors":[{"code":"UNAVAILABLE"}]}')
    with pytest.raises(RegistryError, match="503 UNAVAILABLE"):
        client_of(server).ping()
    assert len(server.requests) == 1 + 4


def test_what_a_registry_says_is_short_and_clean(serve: Serve) -> None:
    body = ("\x1b[31m\u202eevil " + "x" * 5000).encode()
    with pytest.raises(RegistryError) as caught:
        client_of(serve(lambda _: Reply(418, body=body))).ping()
    assert len(caught.value.message) < 500
    assert caught.value.message.isprintable()


def test_a_right_that_is_missing(serve: Serve) -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": "read only"}]}).encode()
    with pytest.raises(RegistryDeniedError, match=r"ferry may not \(403 DENIED: read only\)"):
        client_of(serve(lambda _: Reply(403, body=body)), login=True).ping()


# --- credentials go to their host and to no other ------------------------------------------------


def guarded(reply: Callable[[Request], Reply]) -> Script:
    """Wants Basic before it answers."""

    def script(request: Request) -> Reply:
        if request.headers.get("authorization") != BASIC:
            return Reply(401, {"WWW-Authenticate": 'Basic realm="r"'})
        return reply(request)

    return script


def assert_never_told(server: FaultyServer) -> None:
    assert server.requests
    assert all("authorization" not in request.headers for request in server.requests)


def test_a_redirect_takes_no_credentials_along(serve: Serve) -> None:
    storage = serve(lambda request: ranged(request, DATA, None))
    to = {"Location": f"http://{storage.address}/blob?signed=1"}
    server = serve(guarded(lambda _: Reply(307, to)))
    assert fetched(client_of(server, login=True)) == DATA
    assert_never_told(storage)


def test_a_redirect_on_the_same_host_keeps_them(serve: Serve) -> None:
    def reply(request: Request) -> Reply:
        return Reply(200, body=DATA) if request.path == "/x" else Reply(302, {"Location": "/x"})

    assert fetched(client_of(serve(guarded(reply)), login=True)) == DATA


def test_a_location_elsewhere_takes_no_credentials_along(serve: Serve) -> None:
    storage = serve(lambda _: Reply(201))
    to = {"Location": f"http://{storage.address}/upload"}
    server = serve(guarded(lambda _: Reply(202, to)))
    push.push_blob(client_of(server, login=True), "a", NAME, len(DATA), [DATA])
    assert_never_told(storage)
    assert storage.requests[0].body == DATA
    assert storage.requests[0].path.endswith("?digest=" + NAME.replace(":", "%3A"))


def test_a_storage_that_asks_for_credentials_gets_none(serve: Serve) -> None:
    storage = serve(lambda _: Reply(401, {"WWW-Authenticate": 'Basic realm="r"'}))
    server = serve(guarded(lambda _: Reply(307, {"Location": f"http://{storage.address}/"})))
    with pytest.raises(RegistryDeniedError):
        fetched(client_of(server, login=True))
    assert_never_told(storage)


def test_redirects_in_a_circle_end(serve: Serve) -> None:
    server = serve(lambda request: Reply(307, {"Location": request.path}))
    with pytest.raises(RegistryError, match="circle"):
        client_of(server).ping()


def test_an_upload_is_never_redirected(serve: Serve) -> None:
    server = serve(lambda _: Reply(307, {"Location": "/elsewhere"}))
    with pytest.raises(RegistryError, match="redirects a POST"):
        client_of(server).start_upload("a")


# --- tokens ---------------------------------------------------------------------------------------


class TokenRegistry:
    """A registry that wants a Bearer token, and its own realm; tokens end when told to."""

    def __init__(self, serve: Serve, realm: str = "") -> None:
        self.good = "token-1"
        self.server = serve(self.script)
        self.realm = realm or f"http://{self.server.address}/token"

    def script(self, request: Request) -> Reply:
        if request.path.startswith("/token"):
            if request.headers.get("authorization") != BASIC:
                return Reply(401)
            return Reply(200, body=json.dumps({"token": self.good, "expires_in": 300}).encode())
        if request.headers.get("authorization") != f"Bearer {self.good}":
            said = f'Bearer realm="{self.realm}",service="here",scope="repository:a:pull"'
            return Reply(401, {"WWW-Authenticate": said})
        return Reply(200, body=DATA)

    @property
    def token_paths(self) -> list[str]:
        return [r.path for r in self.server.requests if r.path.startswith("/token")]


def test_a_token_is_fetched_once_for_each_right(serve: Serve) -> None:
    registry = TokenRegistry(serve)
    client = client_of(registry.server, login=True)
    for _ in range(3):
        assert fetched(client) == DATA
    assert registry.token_paths == ["/token?service=here&scope=repository%3Aa%3Apull"]


def test_a_token_that_ends_in_the_middle_is_renewed(serve: Serve) -> None:
    registry = TokenRegistry(serve)
    client = client_of(registry.server, login=True)
    assert fetched(client) == DATA
    registry.good = "token-2"
    assert fetched(client) == DATA
    assert len(registry.token_paths) == 2


def test_a_token_with_a_wrong_password(serve: Serve) -> None:
    registry = TokenRegistry(serve)
    client = client_of(registry.server)
    with pytest.raises(RegistryDeniedError, match="there is none"):
        client.ping()
    login = Credentials({registry.server.address: Login("ferry", "wrong")})
    settings = RegistrySettings(registry.server.address, plain_http=True)
    with pytest.raises(RegistryDeniedError, match="wrong user name or password for ferry"):
        RegistryClient(settings, login).ping()


def test_a_realm_elsewhere_in_plain_http_gets_nothing(serve: Serve) -> None:
    thief = serve(lambda _: Reply(200, body=b'{"token":"x"}'))
    registry = TokenRegistry(serve, realm=f"http://{thief.address}/token")
    with pytest.raises(RegistryDeniedError, match="for a token") as caught:
        fetched(client_of(registry.server, login=True))
    assert thief.requests == []
    assert PASSWORD not in caught.value.message


@pytest.mark.parametrize("realm", ["", "x", "ftp://x", "http://127.0.0.1:1@evil.example/"])
def test_a_realm_that_is_no_address(serve: Serve, realm: str) -> None:
    registry = TokenRegistry(serve)
    registry.realm = realm
    with pytest.raises(RegistryDeniedError, match="for a token"):
        fetched(client_of(registry.server, login=True))


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"token":"a\\nb"}', b'{"token":5}'])
def test_a_realm_that_gives_no_token(serve: Serve, answer: bytes) -> None:
    def script(request: Request) -> Reply:
        if request.path.startswith("/token"):
            return Reply(200, body=answer)
        return Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{server.address}/token"'})

    server = serve(script)
    with pytest.raises(RegistryError, match="without a token"):
        client_of(server, login=True).ping()


def test_an_unknown_scheme(serve: Serve) -> None:
    server = serve(lambda _: Reply(401, {"WWW-Authenticate": "Negotiate"}))
    with pytest.raises(RegistryDeniedError, match="negotiate"):
        client_of(server, login=True).ping()


def test_an_identity_token_is_exchanged(serve: Serve) -> None:
    def script(request: Request) -> Reply:
        if request.method == "POST":
            return Reply(200, body=b'{"access_token":"fresh"}')
        if request.headers.get("authorization") == "Bearer fresh":
            return Reply(200, body=DATA)
        return Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{server.address}/token"'})

    server = serve(script)
    login = Credentials({server.address: Login("", "", "identity")})
    client = RegistryClient(RegistrySettings(server.address, plain_http=True), login)
    assert fetched(client) == DATA
    assert b"refresh_token=identity" in server.asked("POST")[0].body
