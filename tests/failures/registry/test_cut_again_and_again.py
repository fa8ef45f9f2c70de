"""A line that cuts every connection after so many bytes: borne while a blob gets on, no longer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from airferry_fixtures.servers.registry import NEW, OLD, RegistryServer
from airferry_fixtures.servers.relay import Relay
from airferry_foundation import clock
from airferry_foundation.digests import digest
from airferry_foundation.errors import RegistryUnreachableError
from airferry_registry import pull, push
from airferry_registry.client import RegistryClient
from airferry_registry.cuts import TRIES
from airferry_registry.flow import Flow
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program(NEW, OLD)

Start = Callable[..., RegistryServer]
MIB = 1 << 20
DATA = os.urandom(24 * MIB)
NAME = digest(DATA)
CHUNK = 2 * MIB
SELDOM = 6 * MIB  # two chunks are answered in between
OFTEN = MIB // TRIES - 20_000  # less than a step on the tries that there are


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "pause", lambda seconds: time.sleep(min(seconds, 0.05)))


def client_of(address: str) -> RegistryClient:
    return RegistryClient(RegistrySettings(address, plain_http=True))


def taken(client: RegistryClient) -> bytes:
    got = bytearray()
    pull.fetch(client, "a", NAME, len(DATA), got.extend)
    return bytes(got)


def flown(client: RegistryClient) -> bytes:
    return b"".join(bytes(chunk) for chunk in Flow(client, "a", NAME, len(DATA)))


def send(client: RegistryClient, chunk_size: int) -> None:
    pieces = [DATA[at : at + 100_000] for at in range(0, len(DATA), 100_000)]
    push.push_blob(client, "a", NAME, len(DATA), pieces, chunk_size=chunk_size)


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
@pytest.mark.parametrize("read", [taken, flown])
def test_pulled(start_registry: Start, read: Callable[[RegistryClient], bytes]) -> None:
    registry = start_registry()
    send(client_of(registry.address), CHUNK)
    with Relay(registry.address) as relay:
        relay.cut_each(SELDOM)
        assert read(client_of(relay.address)) == DATA
        assert relay.cuts >= 3
    with Relay(registry.address) as relay:
        relay.cut_each(OFTEN)
        with pytest.raises(RegistryUnreachableError, match="cut the connection"):
            read(client_of(relay.address))
        assert relay.cuts == TRIES


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_pushed(start_registry: Start, edition: str) -> None:
    """The new edition keeps what it got before a cut; the old one is sent all of it again."""
    registry = start_registry()
    with Relay(registry.address) as relay:
        (relay.cut_each if edition == NEW else relay.cut_in)(SELDOM)
        send(client_of(relay.address), CHUNK)
        assert relay.cuts >= (3 if edition == NEW else 1)
        assert relay.up <= len(DATA) * 2
    assert taken(client_of(registry.address)) == DATA


@pytest.mark.parametrize(
    ("edition", "often"),
    [(NEW, OFTEN), (NEW, 20_000), (OLD, OFTEN), (OLD, 20_000), (OLD, SELDOM)],
    indirect=["edition"],
)
def test_pushed_in_vain(start_registry: Start, often: int) -> None:
    registry = start_registry()
    with Relay(registry.address) as relay:
        relay.cut_each(often)
        with pytest.raises(RegistryUnreachableError, match="cut the connection"):
            send(client_of(relay.address), CHUNK)
        assert relay.cuts < 20
    assert client_of(registry.address).blob_size("a", NAME) is None
