"""Bodies read straight into a buffer are held to their length."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airferry_fixtures.servers.faulty import FaultyServer, Reply
from airferry_foundation import http
from airferry_foundation.http import Body, Transport, TransportError

DATA = bytes(range(256)) * 5000


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(lambda _: Reply(200, body=DATA)) as server:
        yield server


def read(server: FaultyServer, step: int) -> bytes:
    url = f"http://{server.address}/"
    response = http.pool(Transport(), url).request("GET", url, preload_content=False)
    body, buffer, got = Body(response), memoryview(bytearray(step)), bytearray()
    try:
        while count := body.readinto(buffer):
            got += buffer[:count]
    finally:
        response.close()
    return bytes(got)


@pytest.mark.parametrize("step", [1000, 1 << 16, len(DATA), 1 << 22])
def test_all_of_it_in_order(server: FaultyServer, step: int) -> None:
    assert read(server, step) == DATA


@pytest.mark.parametrize("cut", [0, 1, 1000, len(DATA) - 1])
def test_a_cut_is_told(server: FaultyServer, cut: int) -> None:
    server.script = lambda _: Reply(200, body=DATA, cut_after=cut)
    with pytest.raises(TransportError, match="cut"):
        read(server, 1000)


def test_a_body_in_chunks(server: FaultyServer) -> None:
    server.script = lambda _: Reply(
        200, {"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n0\r\n\r\n"
    )
    assert read(server, 3) == b"hello"
