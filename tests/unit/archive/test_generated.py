from __future__ import annotations

import json

import msgspec
import pytest

from airferry_archive import generated
from airferry_archive.media_types import OCI_INDEX, OCI_MANIFEST
from airferry_archive.release import Attachment, Audience, Chart, Image
from airferry_fixtures.simulator import blob_of, image_of, product_of, small_product
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError

REF_NAME = "org.opencontainers.image.ref.name"


def entries(release: object) -> list[dict[str, object]]:
    index = json.loads(generated.index(release))  # type: ignore[arg-type]
    assert index["schemaVersion"] == 2
    assert index["mediaType"] == OCI_INDEX
    return list(index["manifests"])


def test_an_image_is_found_by_its_original_name() -> None:
    product = product_of(images=[image_of("docker.io/acme/web:1.0")])
    (entry,) = entries(product.release)
    assert entry["annotations"] == {REF_NAME: "docker.io/acme/web:1.0"}
    assert entry["digest"] == product.release.images[0].digest
    assert entry["size"] == len(product.contents[product.release.images[0].digest])
    assert entry["mediaType"] == OCI_MANIFEST


def test_all_platforms_of_a_filtered_image_can_be_found() -> None:
    amd, arm = blob_of(b"{1}", OCI_MANIFEST), blob_of(b"{2}", OCI_MANIFEST)
    platforms = {"linux/amd64": amd.digest, "linux/arm/v7": arm.digest}
    image = Image(name="acme/web:1", digest=amd.digest, platforms=platforms)
    one, two = entries(product_of(blobs=[amd, arm], images=[]).changed(images=(image,)).release)
    assert one["annotations"] == {REF_NAME: "acme/web:1"}
    assert two["platform"] == {"os": "linux", "architecture": "arm", "variant": "v7"}
    assert two["digest"] == arm.digest


def test_a_carried_index_stands_for_its_platforms() -> None:
    index, amd = blob_of(b"{}", OCI_INDEX), blob_of(b"{1}", OCI_MANIFEST)
    image = Image(name="a/b:1", digest=index.digest, platforms={"linux/amd64": amd.digest})
    (entry,) = entries(product_of(blobs=[index, amd]).changed(images=(image,)).release)
    assert (entry["digest"], entry["mediaType"]) == (index.digest, OCI_INDEX)


def test_charts_and_files_are_named_after_the_product() -> None:
    chart, files = blob_of(b"{c}", OCI_MANIFEST), blob_of(b"{f}", OCI_MANIFEST, "shop/files")
    listed = Chart(
        name="cache",
        version="2.1.0+build.5",
        digest=chart.digest,
        content=digest(b""),
        release_name="cache",
        namespace="shop",
    )
    product = product_of(blobs=[chart, files]).changed(charts=(listed,), version="1.4.0")
    names = [entry["annotations"] for entry in entries(product.release)]
    assert names == [
        {REF_NAME: "shop/charts/cache:2.1.0_build.5"},
        {REF_NAME: "shop/files:1.4.0"},
    ]


def test_an_image_without_its_blob_is_an_input_error() -> None:
    image = Image(name="acme/web:1", digest=digest(b"gone"), platforms={})
    release = msgspec.structs.replace(product_of().release, images=(image,))
    with pytest.raises(InputError, match="acme/web:1"):
        generated.index(release)


def test_the_readme_says_what_it_is_for_whom_and_how_to_open_it() -> None:
    release = small_product().changed(
        version="1.4.0",
        audience=Audience(customers=("acme", "beta"), environments="any"),
        attachments=(Attachment(kind="docs", digest=digest(b"x"), title="docs/upgrade.md"),),
    )
    text = generated.readme(release.release).decode("ascii")
    assert text.startswith("shop 1.4.0\n==========\n")
    for part in (
        "For customers: acme, beta. For environments: any.",
        "tar --zstd -xf BUNDLE",
        "sha256sum -c SHA256SUMS",
        "docker.io/acme/web:1.0",
        "docs/upgrade.md",
    ):
        assert part in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_members_do_not_depend_on_the_members_that_a_release_lists() -> None:
    release = small_product().release
    assert generated.member_bytes(release) == generated.member_bytes(
        msgspec.structs.replace(release, members={})
    )


def test_sha256sums_have_the_form_of_the_program() -> None:
    line = generated.sha256sums([("a/b", digest(b"x"))])
    assert line == f"{digest(b'x')[7:]}  a/b\n".encode()


def test_an_oci_layout_says_its_version() -> None:
    assert json.loads(generated.oci_layout()) == {"imageLayoutVersion": "1.0.0"}
