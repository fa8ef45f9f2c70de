"""Uploads whose bytes come from media that are changed: no connection waits for a person."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from airferry_fixtures.servers.registry import RegistryServer
from airferry_foundation.digests import digest
from airferry_registry.client import RegistryClient
from airferry_registry.push import push_blob
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("registry")

CHUNK = 1 << 20
LEAD = 512


class Noted:
    """How often an upload was told that a chunk was answered; remembers nothing."""

    def __init__(self) -> None:
        self.answers = 0

    def recall(self, repository: str, digest: str) -> None:
        del repository, digest

    def note(self, repository: str, digest: str, url: str) -> None:
        del repository, digest, url
        self.answers += 1

    def forget(self, repository: str, digest: str) -> None:
        del repository, digest


@pytest.mark.parametrize("size", [3 * CHUNK, 3 * CHUNK - LEAD, 2 * CHUNK + 1, CHUNK - LEAD, 7])
def test_what_comes_before_is_answered_before_the_next_chunk_is_asked_for(
    start_registry: object, size: int
) -> None:
    assert callable(start_registry)
    server: RegistryServer = start_registry()
    client = RegistryClient(RegistrySettings(server.address, plain_http=True))
    data, noted = os.urandom(size), Noted()
    waited: list[tuple[int, int]] = []

    class Source:
        """Each chunk as a frame of a bundle has it; before each, a person may take their time."""

        def __iter__(self) -> Iterator[memoryview]:
            start = 0
            while start < size:
                end = min(start + CHUNK - (start + LEAD) % CHUNK, size)
                waited.append((start, noted.answers))
                yield memoryview(data)[start:end]
                start = end

    push_blob(
        client, "waiting", digest(data), size, Source(), uploads=noted, chunk_size=CHUNK, lead=LEAD
    )
    assert client.blob_size("waiting", digest(data)) == size
    assert [answered for _, answered in waited] == list(range(len(waited)))
