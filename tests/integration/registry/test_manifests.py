"""Manifests and tags on a real registry: byte for byte, and in other programs' eyes."""

from __future__ import annotations

import json
import subprocess

import pytest

from airferry_fixtures import images
from airferry_fixtures.servers.registry import RegistryServer
from airferry_foundation.errors import RegistryError, RegistryMissingError
from airferry_registry.client import RegistryClient
from airferry_registry.manifests import OCI_INDEX, OCI_MANIFEST
from airferry_registry.settings import RegistrySettings


@pytest.fixture
def client(registry: RegistryServer) -> RegistryClient:
    return RegistryClient(RegistrySettings(registry.address, plain_http=True))


def test_it_is_a_registry(client: RegistryClient, registry: RegistryServer) -> None:
    client.ping()
    assert registry.address in repr(client)


def test_a_manifest_comes_back_byte_for_byte(
    client: RegistryClient, repository_prefix: str
) -> None:
    image = images.tiny()
    assert images.push_image(client, repository_prefix, "1", image) == image.digest
    for reference in ("1", image.digest):
        found = client.manifest(repository_prefix, reference)
        assert found.data == image.manifest.data
        assert (found.media_type, found.digest) == (OCI_MANIFEST, image.digest)
        assert client.has_manifest(repository_prefix, reference) == image.digest


def test_an_index_needs_its_children(client: RegistryClient, repository_prefix: str) -> None:
    both = images.MultiImage((images.tiny(), images.tiny(platform="linux/arm64")))
    with pytest.raises(RegistryError, match="MANIFEST"):
        client.put_manifest(repository_prefix, "1", both.manifest.data, OCI_INDEX)
    images.push_image(client, repository_prefix, "1", both)
    assert client.manifest(repository_prefix, "1").digest == both.digest


def test_what_is_not_there(client: RegistryClient, repository_prefix: str) -> None:
    assert client.has_manifest(repository_prefix, "1") is None
    assert client.tags(repository_prefix) == ()
    with pytest.raises(RegistryMissingError, match=f"{repository_prefix}/manifests/1"):
        client.manifest(repository_prefix, "1")


def test_all_tags_are_listed_over_pages(
    client: RegistryClient, repository_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = images.tiny()
    names = [f"v{number}" for number in range(7)]
    for name in names:
        images.push_image(client, repository_prefix, name, image)
    monkeypatch.setattr("airferry_registry.client._PAGE", 3)
    assert client.tags(repository_prefix) == tuple(names)


@pytest.mark.program("skopeo")
def test_skopeo_sees_the_same(
    client: RegistryClient, registry: RegistryServer, repository_prefix: str
) -> None:
    image = images.tiny()
    images.push_image(client, repository_prefix, "1", image)
    name = f"docker://{registry.address}/{repository_prefix}:1"
    command = ["skopeo", "inspect", "--tls-verify=false", name]
    seen = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert seen["Digest"] == image.digest
    assert seen["Layers"] == [layer.blob.digest for layer in image.layers]
