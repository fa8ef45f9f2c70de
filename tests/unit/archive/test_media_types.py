from __future__ import annotations

import pytest

from airferry_archive import media_types


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.cncf.helm.config.v1+json",
        "application/vnd.oci.empty.v1+json",
    ],
)
def test_manifests_and_configurations_are_descriptions(media_type: str) -> None:
    assert media_types.is_description(media_type)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
        "application/octet-stream",
        "application/x-something-new",
    ],
)
def test_layers_that_are_compressed_and_what_is_unknown_stay_as_they_are(media_type: str) -> None:
    assert media_types.is_compressed(media_type)
    assert not media_types.is_description(media_type)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.airferry.file.v1",
        "application/spdx+json",
        "application/vnd.in-toto+json",
        "application/json",
        "text/plain",
        "text/spdx+json",
    ],
)
def test_plain_layers_and_texts_are_worth_compressing(media_type: str) -> None:
    assert not media_types.is_compressed(media_type)


def test_only_manifests_and_indexes_are_manifests() -> None:
    assert media_types.is_manifest(media_types.OCI_INDEX)
    assert media_types.is_manifest(media_types.DOCKER_MANIFEST)
    assert not media_types.is_manifest("application/vnd.oci.image.config.v1+json")
