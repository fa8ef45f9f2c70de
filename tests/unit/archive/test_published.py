"""A release as an artifact: what its layers are, and the header that comes out of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airferry_archive import published
from airferry_archive.layout import Header
from airferry_archive.reader import BundleReader
from airferry_archive.release import Attachment, Release
from airferry_fixtures.simulator import FILE, blob_of, bundle_of, header_of, image_of, product_of
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation.digests import digest
from airferry_foundation.errors import BundleMismatchError

README = blob_of(b"Read me.\n", FILE, "shop/files")


def scene() -> tuple[Header, Release]:
    product = product_of(
        images=[image_of()],
        blobs=[README],
        attachments=(Attachment(kind="docs", digest=README.digest, title="docs/README.txt"),),
    )
    return header_of(Vendor(), product, channel=channel_of()), product.release


def parts() -> dict[str, bytes]:
    made = published.artifact(*scene())
    return {part.title: part.data for part in made.parts if part.data is not None}


def test_the_header_comes_back_whole(tmp_path: Path) -> None:
    """The carriage is that of the full bundle, as the vendor's writer made it."""
    vendor = Vendor()
    product = product_of(images=[image_of()], blobs=[README])
    bundle = bundle_of(tmp_path / "b.tar.zst", vendor, product)
    header = header_of(vendor, product)
    made = published.artifact(header, product.release)
    found = {part.title: part.data for part in made.parts if part.data is not None}
    again = published.full(published.header_of_parts(found), product.release)
    assert again == header
    with BundleReader.open(bundle) as reader:
        assert reader.header.signed_release.document == again.release


def test_what_the_layers_are() -> None:
    made = published.artifact(*scene())
    manifest = json.loads(made.manifest)
    titles = [layer["annotations"][published.TITLE] for layer in manifest["layers"]]
    assert titles[0] == "release.json"
    assert titles[-1] == "files/docs/README.txt"
    assert "channel.json" in titles
    assert not {"carriage.json", "SHA256SUMS"} & set(titles)
    assert manifest["artifactType"] == published.ARTIFACT_TYPE
    listed = {layer["digest"] for layer in manifest["layers"]} | {manifest["config"]["digest"]}
    assert listed == set(made.own) | {README.digest}
    assert all(digest(data) == name for name, data in made.own.items())


def test_it_is_the_same_each_time() -> None:
    header, release = scene()
    assert published.artifact(header, release) == published.artifact(header, release)


@pytest.mark.parametrize("name", ["release.json", "README.txt", "index.json", "oci-layout"])
def test_a_part_that_is_missing(name: str) -> None:
    found = parts()
    del found[name]
    with pytest.raises(BundleMismatchError, match=f"no {name}"):
        published.header_of_parts(found)


@pytest.mark.parametrize("name", ["carriage.json", "roots/9.json.1.sigstore.json", "evil"])
def test_a_part_too_many(name: str) -> None:
    with pytest.raises(BundleMismatchError, match="out of place"):
        published.header_of_parts(parts() | {name: b"{}"})


def test_titles_decide_what_is_of_the_header() -> None:
    assert published.expect_header_part("release.json", 5 << 20)
    for other in ("files/release.json", "carriage.json", "SHA256SUMS", "../release.json", ""):
        assert not published.expect_header_part(other, 1)
    with pytest.raises(BundleMismatchError, match="are allowed"):
        published.expect_header_part("release.json", (5 << 20) + 1)


def test_too_much_altogether() -> None:
    with pytest.raises(BundleMismatchError, match="longer"):
        published.header_of_parts(parts() | {"README.txt": b"x" * (17 << 20)})
