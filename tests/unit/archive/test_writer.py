from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from airferry_archive.journal import journal_path, partial_path
from airferry_archive.layout import Header
from airferry_archive.release import Blob
from airferry_archive.writer import BundleWriter
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    Product,
    blob_of,
    header_of,
    image_of,
    noise,
    product_of,
    read_everything,
    small_product,
    write_bundle,
)
from airferry_fixtures.statements import Vendor
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    AirferryError,
    BundleMismatchError,
    DocumentError,
    InternalError,
    MediaFullError,
    MissingInputError,
    StateBusyError,
)

VENDOR = Vendor()
PRODUCT = small_product()
HEADER = header_of(VENDOR, PRODUCT)


class Cut(Exception):  # noqa: N818 - stands for a kill
    pass


def receive(writer: BundleWriter, blob: Blob, product: Product = PRODUCT) -> None:
    with writer.receive(blob) as sink:
        sink.write(product.contents[blob.digest])


def begin(path: Path, count: int, header: Header = HEADER) -> None:
    """Receive the first `count` blobs, then stop as if killed."""
    with suppress(Cut), BundleWriter.open(path, header) as writer:
        for blob in writer.missing()[:count]:
            receive(writer, blob)
        raise Cut


def test_what_was_written_reads_back(tmp_path: Path) -> None:
    path = write_bundle(tmp_path / "b", HEADER, PRODUCT.contents)
    assert read_everything(path) == PRODUCT.contents
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_release_is_a_bundle(tmp_path: Path) -> None:
    empty = product_of()
    assert read_everything(write_bundle(tmp_path / "b", header_of(VENDOR, empty), {})) == {}


def test_until_it_is_finished_only_a_partial_file_is_there(tmp_path: Path) -> None:
    begin(tmp_path / "b", 3)
    assert not (tmp_path / "b").exists()
    assert partial_path(tmp_path / "b").read_bytes()[:512] == bytes(512)


def test_the_same_call_goes_on_from_the_blob_where_it_was(tmp_path: Path) -> None:
    whole = write_bundle(tmp_path / "whole", HEADER, PRODUCT.contents).read_bytes()
    for count in range(len(PRODUCT.contents) + 1):
        path = tmp_path / f"b{count}"
        begin(path, count)
        with BundleWriter.open(path, HEADER) as writer:
            assert len(writer.missing()) == len(PRODUCT.contents) - count
            for blob in writer.missing():
                receive(writer, blob)
            writer.finish()
        assert path.read_bytes() == whole


def test_a_blob_that_does_not_hold_any_more_is_received_again(tmp_path: Path) -> None:
    path = tmp_path / "b"
    begin(path, 7)
    partial = partial_path(path)
    with BundleWriter.open(path, HEADER) as writer:
        member = writer.layout.raw[2]
        compressed_start = writer.layout.compressed_start
    data = bytearray(partial.read_bytes())
    data[(member.offset or 0) + 700] ^= 1
    partial.write_bytes(data)
    with BundleWriter.open(path, HEADER) as writer:
        assert writer.missing() == (member.blob,)
    data[compressed_start + 20] ^= 1
    partial.write_bytes(data)
    with BundleWriter.open(path, HEADER) as writer:
        assert len(writer.missing_compressed()) == 2  # the second one's place is not known


def test_a_partial_file_that_was_cut_is_filled_again(tmp_path: Path) -> None:
    path = tmp_path / "b"
    begin(path, 7)
    partial_path(path).write_bytes(partial_path(path).read_bytes()[:-1])
    with BundleWriter.open(path, HEADER) as writer:
        assert len(writer.missing()) == 1


def test_without_its_journal_a_partial_file_counts_for_nothing(tmp_path: Path) -> None:
    begin(tmp_path / "b", 7)
    journal_path(tmp_path / "b").unlink()
    with BundleWriter.open(tmp_path / "b", HEADER) as writer:
        assert len(writer.missing()) == 7


def test_another_release_starts_clean(tmp_path: Path) -> None:
    path = tmp_path / "b"
    begin(path, 5)
    other = product_of(images=[image_of()], counter=2)
    with BundleWriter.open(path, header_of(VENDOR, other)) as writer:
        assert len(writer.missing()) == 3
        for blob in writer.missing():
            receive(writer, blob, other)
        writer.finish()
    assert read_everything(path) == other.contents


def test_a_signature_made_anew_keeps_what_is_there(tmp_path: Path) -> None:
    begin(tmp_path / "b", 5)
    again = header_of(VENDOR, PRODUCT)
    sizes = [len(signature) for signature in again.signatures]
    if sizes == [len(signature) for signature in HEADER.signatures]:
        with BundleWriter.open(tmp_path / "b", again) as writer:
            assert len(writer.missing()) == 2


def test_a_bundle_is_replaced_only_when_the_new_one_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_bytes(b"the old one")
    begin(path, 7)
    assert path.read_bytes() == b"the old one"
    with BundleWriter.open(path, HEADER) as writer:
        writer.finish()
    assert read_everything(path) == PRODUCT.contents


def test_raw_blobs_come_from_several_threads_in_any_order(tmp_path: Path) -> None:
    product = product_of(blobs=[blob_of(noise(200_000 + n, n), GZIP_LAYER) for n in range(24)])
    header = header_of(VENDOR, product)
    whole = write_bundle(tmp_path / "whole", header, product.contents).read_bytes()

    def trickle(writer: BundleWriter, blob: Blob) -> None:
        data = memoryview(product.contents[blob.digest])
        with writer.receive(blob) as sink:
            for start in range(0, len(data), 7919):
                sink.write(data[start : start + 7919])

    with BundleWriter.open(tmp_path / "b", header) as writer, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda blob: trickle(writer, blob), reversed(writer.missing())))
        writer.finish()
    assert (tmp_path / "b").read_bytes() == whole


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "received 0 bytes"),
        (b"Read me?\n", "with digest sha256:"),
        (b"Read me.\nmore", "received more than"),
        (b"Read", "received 4 bytes"),
    ],
)
@pytest.mark.parametrize("media_type", [GZIP_LAYER, TAR_LAYER])
def test_another_blob_is_not_taken(
    tmp_path: Path, data: bytes, match: str, media_type: str
) -> None:
    product = product_of(blobs=[blob_of(b"Read me.\n", media_type)])
    header = header_of(VENDOR, product)
    whole = write_bundle(tmp_path / "whole", header, product.contents).read_bytes()
    with BundleWriter.open(tmp_path / "b", header) as writer:
        (blob,) = writer.missing()
        with pytest.raises(BundleMismatchError, match=match), writer.receive(blob) as sink:
            sink.write(data)
        assert writer.missing() == (blob,)
        receive(writer, blob, product)
        writer.finish()
    assert (tmp_path / "b").read_bytes() == whole


def test_a_blob_that_is_too_long_never_reaches_its_neighbour(tmp_path: Path) -> None:
    product = product_of(blobs=[blob_of(noise(5000, n), GZIP_LAYER) for n in range(2)])
    header = header_of(VENDOR, product)
    with BundleWriter.open(tmp_path / "b", header) as writer:
        first, second = writer.missing()
        receive(writer, second, product)
        with pytest.raises(BundleMismatchError), writer.receive(first) as sink:
            sink.write(noise(3000) + noise(3000))
        receive(writer, first, product)
        writer.finish()
    assert read_everything(tmp_path / "b") == product.contents


def test_a_body_that_raises_leaves_the_blob_missing(tmp_path: Path) -> None:
    with BundleWriter.open(tmp_path / "b", HEADER) as writer:
        blob = writer.missing()[0]
        with suppress(Cut), writer.receive(blob) as sink:
            sink.write(PRODUCT.contents[blob.digest])
            raise Cut
        assert blob in writer.missing()


def test_finishing_with_blobs_missing_is_refused(tmp_path: Path) -> None:
    with BundleWriter.open(tmp_path / "b", HEADER) as writer:
        with pytest.raises(BundleMismatchError, match="7 blobs were not received"):
            writer.finish()
        assert not (tmp_path / "b").exists()


def test_compressed_blobs_have_their_turn(tmp_path: Path) -> None:
    with BundleWriter.open(tmp_path / "b", HEADER) as writer:
        first, second = writer.missing_compressed()
        with pytest.raises(InternalError, match="before its turn"):
            receive(writer, second)
        receive(writer, first)
        receive(writer, second)


def test_a_blob_is_received_once(tmp_path: Path) -> None:
    with BundleWriter.open(tmp_path / "b", HEADER) as writer:
        blob = writer.missing()[0]
        receive(writer, blob)
        with pytest.raises(InternalError, match="twice"):
            receive(writer, blob)


def test_two_builds_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with (
        BundleWriter.open(tmp_path / "b", HEADER),
        pytest.raises(StateBusyError),
        BundleWriter.open(tmp_path / "b", HEADER),
    ):
        pass


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(MissingInputError, match="nowhere"),
        BundleWriter.open(tmp_path / "nowhere" / "b", HEADER),
    ):
        pass


def test_a_medium_that_is_too_small_is_told_before_anything_is_fetched(tmp_path: Path) -> None:
    huge = Blob(
        digest=digest(b"x"), size=1 << 43, media_type=GZIP_LAYER, repositories=("acme/app",)
    )
    product = product_of().changed(blobs=(huge,))
    header = header_of(VENDOR, Product(product.release, {huge.digest: b""}))
    with pytest.raises(MediaFullError, match="are free"), BundleWriter.open(tmp_path / "b", header):
        pass


@pytest.mark.parametrize("field", ["release", "carriage"])
def test_a_header_that_can_not_be_read_is_refused(tmp_path: Path, field: str) -> None:
    fields: dict[str, Any] = {
        name: getattr(HEADER, name) for name in Header.__dataclass_fields__ if name != field
    }
    broken = Header(**fields, **{field: b"{}"})
    with pytest.raises(DocumentError), BundleWriter.open(tmp_path / "b", broken):
        pass


def test_what_is_refused_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(AirferryError) as caught, BundleWriter.open(tmp_path / "b", HEADER) as w:
        w.finish()
    assert str(tmp_path / "b") in caught.value.message
