"""Images pinned, platforms filtered: over manifests in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from airferry_bundler.resolve import resolve
from airferry_foundation.digests import digest
from airferry_foundation.errors import ImageReferenceError, RegistryError
from airferry_registry.manifests import OCI_INDEX, OCI_MANIFEST, StoredManifest

NAME = "registry.example/acme/app:1"


@dataclass
class Store:
    """A repository in memory."""

    manifests: dict[str, StoredManifest] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def manifest(self, version: str) -> StoredManifest:
        return self.manifests[version]

    def small_blob(self, digest: str, cap: int) -> bytes:
        assert len(self.blobs[digest]) <= cap
        return self.blobs[digest]

    def put(self, content: object, media_type: str, tag: str = "") -> StoredManifest:
        data = json.dumps(content).encode()
        stored = StoredManifest(data, media_type, digest(data))
        self.manifests[stored.digest] = self.manifests[tag] = stored
        return stored

    def image(self, platform: str, tag: str = "", *, layer: bytes = b"layer") -> StoredManifest:
        parts = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
        config = json.dumps(parts).encode()
        self.blobs[digest(config)] = config
        content = {
            "schemaVersion": 2,
            "config": {"mediaType": "application/c", "digest": digest(config), "size": len(config)},
            "layers": [{"mediaType": "application/l", "digest": digest(layer), "size": len(layer)}],
        }
        return self.put(content, OCI_MANIFEST, tag)

    def index(self, tag: str, *platforms: str) -> StoredManifest:
        children = []
        for platform in platforms:
            parts = dict(zip(("os", "architecture", "variant"), platform.split("/"), strict=False))
            child = self.image(platform, layer=platform.encode())
            children.append(
                {"mediaType": OCI_MANIFEST, "digest": child.digest, "size": len(child.data),
                 "platform": parts}
            )  # fmt: skip
        return self.put({"schemaVersion": 2, "manifests": children}, OCI_INDEX, tag)


def test_a_plain_image() -> None:
    store = Store()
    stored = store.image("linux/amd64", "1")
    found = resolve(NAME, "1", store, ["linux/amd64"])
    assert found.image.digest == stored.digest
    assert found.image.index is None
    assert found.image.platforms == {"linux/amd64": stored.digest}
    assert [blob.media_type for blob in found.blobs] == [
        OCI_MANIFEST, "application/c", "application/l",
    ]  # fmt: skip


def test_all_platforms_carried_the_index_is_used() -> None:
    store = Store()
    index = store.index("1", "linux/amd64", "linux/arm64/v8")
    found = resolve(NAME, "1", store, ["linux/amd64", "linux/arm64"])
    assert (found.image.digest, found.image.index) == (index.digest, None)
    assert set(found.image.platforms) == {"linux/amd64", "linux/arm64"}
    assert len(found.blobs) == 1 + 2 * 3


def test_filtered_the_index_is_evidence_only() -> None:
    store = Store()
    index = store.index("1", "linux/amd64", "linux/arm64")
    found = resolve(NAME, "1", store, ["linux/arm64"])
    assert found.image.index == index.digest
    assert found.image.digest == found.image.platforms["linux/arm64"] != index.digest
    assert len(found.blobs) == 1 + 3
    assert found.blobs[0].digest == index.digest


def test_attestations_go_with_a_whole_index_and_not_with_a_part() -> None:
    store = Store()
    index = store.index("1", "linux/amd64", "linux/arm64", "unknown/unknown")
    whole = resolve(NAME, "1", store, ["linux/amd64", "linux/arm64"])
    assert whole.image.digest == index.digest
    assert len(whole.blobs) == 1 + 3 * 3
    part = resolve(NAME, "1", store, ["linux/amd64"])
    assert part.image.index == index.digest
    assert len(part.blobs) == 1 + 3


def test_two_of_three_platforms_can_not_be_pushed() -> None:
    store = Store()
    store.index("1", "linux/amd64", "linux/arm64", "linux/s390x")
    with pytest.raises(ImageReferenceError, match="can't be pushed without the rest"):
        resolve(NAME, "1", store, ["linux/amd64", "linux/arm64"])


@pytest.mark.parametrize("offered", ["linux/arm64", "linux/arm64/v8", "linux/arm64/v9"])
def test_a_variant_serves_the_plain_platform(offered: str) -> None:
    store = Store()
    store.image(offered, "1")
    assert set(resolve(NAME, "1", store, ["linux/arm64"]).image.platforms) == {"linux/arm64"}


def test_two_variants_are_ambiguous() -> None:
    store = Store()
    store.index("1", "linux/arm/v6", "linux/arm/v7")
    with pytest.raises(ImageReferenceError, match="has no linux/arm; it has linux/arm/v6"):
        resolve(NAME, "1", store, ["linux/arm"])
    assert resolve(NAME, "1", store, ["linux/arm/v7"]).image.index


@pytest.mark.parametrize("tag", ["plain", "index"])
def test_a_missing_platform(tag: str) -> None:
    store = Store()
    store.image("linux/amd64", "plain")
    store.index("index", "linux/amd64")
    with pytest.raises(ImageReferenceError, match="has no linux/arm64; it has linux/amd64"):
        resolve(NAME, tag, store, ["linux/amd64", "linux/arm64"])


def test_an_artifact_is_no_image() -> None:
    store = Store()
    store.image("", "1")
    with pytest.raises(ImageReferenceError, match="no runnable image"):
        resolve(NAME, "1", store, ["linux/amd64"])


@pytest.mark.parametrize("config", [b"", b"[]", b"\xff", b"[" * 10_000])
def test_a_broken_configuration(config: bytes) -> None:
    store = Store()
    store.image("linux/amd64", "1")
    store.blobs = dict.fromkeys(store.blobs, config)
    with pytest.raises(RegistryError, match="can't be read"):
        resolve(NAME, "1", store, ["linux/amd64"])


def test_a_child_without_a_platform_is_asked_for_its_configuration() -> None:
    store = Store()
    children = [store.image("linux/amd64", layer=b"one"), store.image("linux/arm64", layer=b"two")]
    store.blobs[digest(b"{}")] = b"{}"
    children.append(store.put(
        {"schemaVersion": 2, "layers": [],
         "config": {"mediaType": "application/c", "digest": digest(b"{}"), "size": 2}},
        OCI_MANIFEST,
    ))  # fmt: skip
    entries = [
        {"mediaType": OCI_MANIFEST, "digest": one.digest, "size": len(one.data)} for one in children
    ]
    index = store.put({"schemaVersion": 2, "manifests": entries}, OCI_INDEX, "1")
    found = resolve(NAME, "1", store, ["linux/amd64", "linux/arm64"])
    assert found.image.digest == index.digest
    assert found.image.platforms == {
        "linux/amd64": children[0].digest, "linux/arm64": children[1].digest,
    }  # fmt: skip
    assert children[2].digest in {blob.digest for blob in found.blobs}


@pytest.mark.parametrize("platform", [{}, {"platform": {"os": "linux", "architecture": "amd64"}}])
def test_an_index_in_an_index(platform: dict[str, object]) -> None:
    store = Store()
    inner = store.index("inner", "linux/amd64")
    child = {
        "mediaType": OCI_INDEX, "digest": inner.digest, "size": len(inner.data), **platform,
    }  # fmt: skip
    store.put({"schemaVersion": 2, "manifests": [child]}, OCI_INDEX, "1")
    with pytest.raises(RegistryError, match="another index"):
        resolve(NAME, "1", store, ["linux/amd64"])
