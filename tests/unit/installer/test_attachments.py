"""What travels beside the content: listed, chosen, and only ever written below the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from airferry_archive.reader import BundleReader
from airferry_archive.release import Attachment
from airferry_fixtures.simulator import FILE, blob_of, bundle_of, product_of
from airferry_fixtures.statements import Vendor
from airferry_foundation.errors import InputError, MissingInputError
from airferry_installer import attachments

SBOM = blob_of(b"{}", FILE, "shop/files")
NOTES = blob_of(b"Read me.\n", FILE, "shop/files")
LISTED = (
    Attachment(kind="sbom", digest=SBOM.digest, title="sbom/release.cdx.json"),
    Attachment(kind="docs", digest=NOTES.digest, title="docs/notes.md"),
)
PRODUCT = product_of(blobs=[SBOM, NOTES]).changed(attachments=LISTED)


def test_listed_by_path_with_what_is_not_carried() -> None:
    found = attachments.entries(PRODUCT.release, [SBOM.digest])
    assert [(one.path, one.carried, one.size) for one in found] == [
        ("docs/notes.md", False, 9),
        ("sbom/release.cdx.json", True, 2),
    ]
    assert attachments.chosen(found, kinds=["sbom"]) == found[1:]
    assert attachments.chosen(found, paths=["docs/*"]) == found[:1]
    assert attachments.chosen(found) == found
    with pytest.raises(InputError, match="no such attachment"):
        attachments.chosen(found, kinds=["scan"])


def test_exported_whole_or_not_at_all(tmp_path: Path) -> None:
    path = bundle_of(tmp_path / "shop.tar.zst", Vendor(), PRODUCT)
    with BundleReader.open(path) as reader:
        reader.bind(reader.release())
        found = attachments.entries(PRODUCT.release, reader.carriage().blobs)
        written = attachments.export(reader, found, tmp_path / "out")
        assert [one.read_bytes() for one in written] == [NOTES.data, SBOM.data]
        with pytest.raises(InputError, match="exists already"):
            attachments.export(reader, found, tmp_path / "out")
        absent = attachments.entries(PRODUCT.release, [SBOM.digest])
        with pytest.raises(MissingInputError, match=r"docs/notes\.md"):
            attachments.export(reader, absent, tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("title", ["a/../../x", "docs/..", "x/../../../etc/passwd"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, title: str) -> None:
    listed = (Attachment(kind="docs", digest=NOTES.digest, title=title),)
    product = product_of(blobs=[NOTES]).changed(attachments=listed)
    path = bundle_of(tmp_path / "shop.tar.zst", Vendor(), product)
    with BundleReader.open(path) as reader:
        reader.bind(reader.release())
        found = attachments.entries(product.release, reader.carriage().blobs)
        with pytest.raises(InputError, match="would leave"):
            attachments.export(reader, found, tmp_path / "out")
    assert not (tmp_path / "out").exists()
