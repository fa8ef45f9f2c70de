"""Blobs to and from real registries, new and old: streamed, mounted, never committed when wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from airferry_fixtures.servers.registry import NEW, OLD, RegistryServer, start_registry
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    BundleMismatchError,
    RegistryError,
    RegistryMismatchError,
    RegistryMissingError,
    RegistryUnreachableError,
)
from airferry_registry import pull, push
from airferry_registry.client import RegistryClient
from airferry_registry.session import Body
from airferry_registry.settings import RegistrySettings
from airferry_registry.streams import chunks

pytestmark = pytest.mark.program(NEW, OLD)

MIB = 1 << 20
ABSENT = "sha256:" + "0" * 64


@pytest.fixture(scope="module", params=[NEW, OLD])
def registry(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RegistryServer]:
    """One of each edition for this file."""
    folder = tmp_path_factory.mktemp("registry")
    with start_registry(folder, edition=request.param) as server:
        yield server


@pytest.fixture
def client(registry: RegistryServer) -> RegistryClient:
    return RegistryClient(RegistrySettings(registry.address, plain_http=True))


def pieces(data: bytes, size: int = MIB) -> list[memoryview]:
    view = memoryview(data)
    return [view[at : at + size] for at in range(0, len(data), size)]


def fetched(client: RegistryClient, repository: str, data: bytes) -> bytes:
    got = bytearray()
    pull.fetch(client, repository, digest(data), len(data), got.extend)
    return bytes(got)


def push_bytes(client: RegistryClient, repository: str, data: bytes, **more: int) -> str:
    push.push_blob(client, repository, digest(data), len(data), pieces(data), **more)
    return digest(data)


@pytest.mark.parametrize("size", [0, 1, MIB, 3 * MIB + 7])
def test_a_blob_comes_back(client: RegistryClient, repository_prefix: str, size: int) -> None:
    data = os.urandom(size)
    assert client.blob_size(repository_prefix, digest(data)) is None
    push_bytes(client, repository_prefix, data)
    assert client.blob_size(repository_prefix, digest(data)) == size
    assert fetched(client, repository_prefix, data) == data


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("size", [0, 5, MIB, 3 * MIB + 7])
def test_a_task_is_told_of_each_byte(
    client: RegistryClient, repository_prefix: str, size: int, hashed: bool
) -> None:
    counted: list[int] = []
    data = os.urandom(size)
    push.push_blob(
        client, repository_prefix, digest(data), size, pieces(data),
        hashed=hashed, chunk_size=2 * MIB, task=Counting(counted),
    )  # fmt: skip
    assert sum(counted) == size


class Counting:
    """A task that adds up."""

    def __init__(self, counted: list[int]) -> None:
        self._counted = counted

    def advance(self, amount: int) -> None:
        self._counted.append(amount)

    def settle(self, amount: int) -> None:
        raise AssertionError(amount)

    def finish(self, outcome: str = "") -> None:
        raise AssertionError(outcome)


@pytest.mark.parametrize("chunk", [MIB, 700_001, 4 * MIB - 1])
def test_a_big_blob_goes_in_chunks(
    client: RegistryClient, repository_prefix: str, chunk: int
) -> None:
    data = os.urandom(4 * MIB)
    push_bytes(client, repository_prefix, data, chunk_size=chunk)
    assert fetched(client, repository_prefix, data) == data


def test_streams_start_anywhere(client: RegistryClient, repository_prefix: str) -> None:
    data = os.urandom(2 * MIB)
    name = push_bytes(client, repository_prefix, data)
    source = client.blobs(repository_prefix)
    with source.open(name, 5) as reader:
        assert b"".join(bytes(chunk) for chunk in chunks(reader)) == data[5:]
    with source.open(name) as reader:  # left early: the connection is not used again
        buffer = memoryview(bytearray(10))
        assert reader.readinto(buffer)
    assert client.small_blob(repository_prefix, name) == data


def test_small_blobs_are_capped(client: RegistryClient, repository_prefix: str) -> None:
    name = push_bytes(client, repository_prefix, b"x" * 100)
    assert client.small_blob(repository_prefix, name, cap=100) == b"x" * 100
    with pytest.raises(RegistryError, match="more than the 99 bytes"):
        client.small_blob(repository_prefix, name, cap=99)


def test_four_at_once(client: RegistryClient, repository_prefix: str) -> None:
    blobs = [os.urandom(MIB + number) for number in range(12)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda data: push_bytes(client, repository_prefix, data), blobs))
        got = list(threads.map(lambda data: fetched(client, repository_prefix, data), blobs))
    assert got == blobs


def test_a_blob_that_hashes_wrong_is_never_committed(
    client: RegistryClient, repository_prefix: str
) -> None:
    data = os.urandom(2 * MIB)
    for chunk_size in (MIB, 8 * MIB):
        with pytest.raises(RegistryMismatchError, match="digest"):
            push.push_blob(
                client, repository_prefix, ABSENT, len(data), pieces(data), chunk_size=chunk_size
            )
    assert client.blob_size(repository_prefix, ABSENT) is None
    assert client.blob_size(repository_prefix, digest(data)) is None


def test_a_source_that_fails_leaves_nothing(client: RegistryClient, repository_prefix: str) -> None:
    data = os.urandom(3 * MIB)

    def source() -> Iterator[memoryview]:
        yield from pieces(data)[:2]
        raise BundleMismatchError("the bundle's bytes are wrong")

    for chunk_size in (MIB, 8 * MIB):
        with pytest.raises(BundleMismatchError):
            push.push_blob(
                client, repository_prefix, digest(data), len(data), source(), chunk_size=chunk_size
            )
    assert client.blob_size(repository_prefix, digest(data)) is None


@pytest.mark.parametrize("change", [-1, 1])
def test_a_wrong_size_is_never_committed(
    client: RegistryClient, repository_prefix: str, change: int
) -> None:
    data = os.urandom(1000)
    with pytest.raises(RegistryMismatchError, match="1000 bytes"):
        push.push_blob(client, repository_prefix, digest(data), 1000 + change, [data])
    with pytest.raises(RegistryMissingError):
        client.small_blob(repository_prefix, digest(data))


def test_what_another_repository_has_is_mounted(
    client: RegistryClient, repository_prefix: str
) -> None:
    data = os.urandom(1000)
    here, there = f"{repository_prefix}/here", f"{repository_prefix}/there"
    name = push_bytes(client, there, data)
    assert client.mount(here, name, there)
    assert fetched(client, here, data) == data
    assert not client.mount(here, ABSENT, there)


def test_the_cheapest_way_is_taken(client: RegistryClient, repository_prefix: str) -> None:
    data = os.urandom(1000)
    repositories = [f"{repository_prefix}/{name}" for name in "abb"]
    ways = [
        push.mount_or_push(
            client, repository, digest(data), 1000, [data], mount_from=repositories[:1]
        )
        for repository in repositories
    ]
    assert ways == ["sent", "mounted", "present"]


def test_a_prefix_stands_before_every_repository(
    registry: RegistryServer, client: RegistryClient, repository_prefix: str
) -> None:
    settings = RegistrySettings.of(f"{registry.address}/{repository_prefix}", plain_http=True)
    inside = RegistryClient(settings)
    name = push_bytes(inside, "a/b", b"data")
    assert client.blob_size(f"{repository_prefix}/a/b", name) == 4
    assert inside.mount("c", name, "a/b")


def test_a_missing_blob_is_named(client: RegistryClient, repository_prefix: str) -> None:
    with pytest.raises(RegistryMissingError, match=ABSENT) as caught:
        pull.fetch(client, repository_prefix, ABSENT, 1, print)
    assert client.settings.address in caught.value.message


def test_pulling_with_a_wrong_size_or_sink(client: RegistryClient, repository_prefix: str) -> None:
    name = push_bytes(client, repository_prefix, b"data")
    for size in (3, 5):
        with pytest.raises(RegistryMismatchError):
            pull.fetch(client, repository_prefix, name, size, lambda _: None)


def test_damage_in_the_storage_is_found(
    registry: RegistryServer, client: RegistryClient, repository_prefix: str
) -> None:
    data = os.urandom(1000)
    name = push_bytes(client, repository_prefix, data)
    path = registry.folder / f"data/docker/registry/v2/blobs/sha256/{name[7:9]}/{name[7:]}/data"
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(RegistryMismatchError, match="digest"):
        pull.fetch(client, repository_prefix, name, 1000, lambda _: None)
    with pytest.raises(RegistryMismatchError, match="digest"):
        client.small_blob(repository_prefix, name)


# --- uploads that go on ---------------------------------------------------------------------------


def killed_after(data: bytes, count: int) -> Iterator[memoryview]:
    """The first `count` bytes, then the end of the process: nobody cancels anything."""
    yield from pieces(data[:count], 100_000)
    raise RegistryUnreachableError("the connection was cut")


class Counted:
    """What the registry was sent of a blob: told by the chunks that were not let go by."""

    def __init__(self, client: RegistryClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self.starts: list[int] = []
        send = client.send_chunk

        def sent(repository: str, url: str, *, start: int, length: int, body: Body) -> str:
            self.starts.append(start)
            return send(repository, url, start=start, length=length, body=body)

        monkeypatch.setattr(client, "send_chunk", sent)


@pytest.mark.parametrize("kept", [MIB, MIB + 300_000, 3 * MIB, 4 * MIB - 1])
def test_an_upload_goes_on_where_it_was(
    registry: RegistryServer,
    client: RegistryClient,
    repository_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
    kept: int,
) -> None:
    """The old edition knows one that was left inside a chunk no more: then it starts anew."""
    data = os.urandom(4 * MIB)
    name, uploads = digest(data), push.Remembered()
    more = {"chunk_size": MIB, "uploads": uploads}
    with pytest.raises(RegistryUnreachableError):
        push.push_blob(client, repository_prefix, name, len(data), killed_after(data, kept), **more)
    assert uploads.recall(repository_prefix, name)
    assert client.blob_size(repository_prefix, name) is None
    counted = Counted(client, monkeypatch)
    push.push_blob(client, repository_prefix, name, len(data), pieces(data), **more)
    if registry.server.name == OLD and kept % MIB:
        assert counted.starts[0] in {0, kept - kept % MIB}  # by how much of the chunk it had seen
    else:
        assert counted.starts[0] >= kept // MIB * MIB
    assert uploads.urls == {}
    assert fetched(client, repository_prefix, data) == data


def test_an_upload_that_the_registry_forgot_starts_anew(
    client: RegistryClient, repository_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.urandom(3 * MIB)
    uploads = push.Remembered()
    with pytest.raises(RegistryUnreachableError):
        push.push_blob(
            client, repository_prefix, digest(data), len(data), killed_after(data, 2 * MIB),
            chunk_size=MIB, uploads=uploads,
        )  # fmt: skip
    client.cancel_upload(repository_prefix, uploads.urls[repository_prefix, digest(data)])
    counted = Counted(client, monkeypatch)
    push.push_blob(
        client, repository_prefix, digest(data), len(data), pieces(data),
        chunk_size=MIB, uploads=uploads,
    )  # fmt: skip
    assert counted.starts[0] == 0
    assert fetched(client, repository_prefix, data) == data


def test_other_bytes_at_the_registry_start_anew(
    client: RegistryClient, repository_prefix: str
) -> None:
    data, other = os.urandom(3 * MIB), os.urandom(3 * MIB)
    name, uploads = digest(data), push.Remembered()
    url = client.start_upload(repository_prefix)
    url = client.send_chunk(repository_prefix, url, start=0, length=2 * MIB, body=other[: 2 * MIB])
    uploads.note(repository_prefix, name, url)
    push.push_blob(
        client, repository_prefix, name, len(data), pieces(data), chunk_size=MIB, uploads=uploads
    )
    assert fetched(client, repository_prefix, data) == data


def test_a_prefix_that_rotted_meanwhile_is_not_committed(
    client: RegistryClient, repository_prefix: str
) -> None:
    data = os.urandom(3 * MIB)
    name, uploads = digest(data), push.Remembered()
    with pytest.raises(RegistryUnreachableError):
        push.push_blob(
            client, repository_prefix, name, len(data), killed_after(data, 2 * MIB),
            chunk_size=MIB, uploads=uploads,
        )  # fmt: skip
    rotten = bytes([data[0] ^ 1]) + data[1:]
    with pytest.raises(RegistryMismatchError):
        push.push_blob(
            client, repository_prefix, name, len(data), pieces(rotten),
            chunk_size=MIB, uploads=uploads,
        )  # fmt: skip
    assert client.blob_size(repository_prefix, name) is None
