"""Manifests and indexes: what is read out of them, and what is ambiguous or foreign."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airferry_fixtures import images
from airferry_foundation.digests import digest
from airferry_foundation.errors import RegistryError
from airferry_registry.manifests import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MAX_BYTES,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Index,
    Manifest,
    StoredManifest,
    parse,
)

ONE = {"digest": digest(b"1"), "size": 1, "mediaType": "application/x-one"}


def encoded(**fields: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, **fields}).encode()


def test_an_image_has_config_and_layers() -> None:
    image = images.tiny()
    found = parse(image.manifest.data, OCI_MANIFEST)
    assert isinstance(found, Manifest)
    assert [blob.digest for blob in found.blobs] == [blob.digest for blob in image.blobs]
    assert [blob.size for blob in found.blobs] == [len(blob.data) for blob in image.blobs]


def test_an_index_has_platforms() -> None:
    both = images.MultiImage(
        (images.tiny(), images.tiny(platform="linux/arm64"), images.tiny(platform="linux/arm/v7"))
    )
    found = parse(both.manifest.data)
    assert isinstance(found, Index)
    platforms = [child.platform for child in found.children]
    assert platforms == ["linux/amd64", "linux/arm64", "linux/arm/v7"]
    assert found.children[0].descriptor.digest == both.images[0].digest


def test_variant_v8_of_arm64_goes_without_saying() -> None:
    platform = {"os": "linux", "architecture": "arm64", "variant": "v8"}
    found = parse(encoded(manifests=[ONE | {"platform": platform}, ONE]), DOCKER_LIST)
    assert isinstance(found, Index)
    assert [child.platform for child in found.children] == ["linux/arm64", None]


def test_annotations_and_titles_are_kept() -> None:
    layer = ONE | {"annotations": {"org.opencontainers.image.title": "values.yaml"}}
    data = encoded(config=ONE, layers=[layer], artifactType="x/y", annotations={"a": "b"})
    found = parse(data, OCI_MANIFEST)
    assert isinstance(found, Manifest)
    assert found.layers[0].title == "values.yaml"
    assert (found.artifact_type, found.annotations) == ("x/y", {"a": "b"})


def test_a_stored_manifest_names_itself() -> None:
    image = images.tiny()
    stored = StoredManifest(image.manifest.data, OCI_MANIFEST, image.digest)
    assert stored.descriptor == Descriptor(image.digest, len(stored.data), OCI_MANIFEST)
    assert isinstance(stored.parse(), Manifest)


def test_docker_schema_2_is_an_image_too() -> None:
    found = parse(encoded(mediaType=DOCKER_MANIFEST, config=ONE, layers=[ONE]))
    assert found.media_type == DOCKER_MANIFEST


@pytest.mark.parametrize(
    ("data", "media_type", "words"),
    [
        (b"", OCI_MANIFEST, "not an OCI manifest"),
        (b"\xff", OCI_MANIFEST, "not an OCI manifest"),
        (b"[" * 10_000, OCI_MANIFEST, "not an OCI manifest"),
        (b" " * (MAX_BYTES + 1), OCI_MANIFEST, "at most"),
        (encoded(config=ONE, layers=[], manifests=[]), OCI_INDEX, "ambiguous"),
        (encoded(layers=[ONE], manifests=[]), OCI_INDEX, "ambiguous"),
        (encoded(layers=[ONE]), OCI_MANIFEST, "no config"),
        (encoded(mediaType=OCI_INDEX, config=ONE), OCI_MANIFEST, "was sent as"),
        (encoded(config=ONE), OCI_INDEX, "the other kind"),
        (encoded(manifests=[]), OCI_MANIFEST, "the other kind"),
        (encoded(config=ONE), "text/html", "of type 'text/html'"),
        (b'{"schemaVersion":1}', "", "schema 1"),
        (encoded(config=ONE | {"size": -1}), OCI_MANIFEST, "size -1"),
        (encoded(config=ONE | {"size": 2**60}), OCI_MANIFEST, "size"),
        (encoded(config=ONE | {"digest": "sha256:.."}), OCI_MANIFEST, "not an OCI manifest"),
    ],
)
def test_what_can_not_be_relied_on_is_refused(data: bytes, media_type: str, words: str) -> None:
    with pytest.raises(RegistryError, match=words) as caught:
        parse(data, media_type, name="shop/web:1")
    assert "shop/web:1" in caught.value.message
