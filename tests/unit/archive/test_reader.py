from __future__ import annotations

import os
from pathlib import Path

import pytest

from airferry_archive.journal import partial_path
from airferry_archive.layout import END
from airferry_archive.reader import BundleReader, Verified
from airferry_archive.writer import BundleWriter
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    blob_of,
    bundle_of,
    forged,
    header_of,
    noise,
    product_of,
    small_product,
)
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    BundleMismatchError,
    InputError,
    InternalError,
    MediaError,
    MissingInputError,
    TruncatedError,
)
from airferry_foundation.progress import Task, Unit

VENDOR = Vendor()
LONG = noise(3_000_000)
TEXT = b"a long text\n" * 200_000
PRODUCT = product_of(blobs=[blob_of(LONG, GZIP_LAYER), blob_of(TEXT, TAR_LAYER), blob_of(b"")])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of(tmp_path_factory.mktemp("reader") / "b", VENDOR, PRODUCT)


def test_the_header_is_what_was_written(tmp_path: Path) -> None:
    product = small_product()
    path = bundle_of(tmp_path / "b", VENDOR, product, channel=channel_of())
    with BundleReader.open(path) as reader:
        assert reader.path == path
        assert reader.release() == product.release
        assert reader.header.roots == VENDOR.roots
        assert reader.header.channel is not None
        assert len(reader.header.signed_release.signatures) == 2
        assert reader.carriage().kind == "full"


def test_nothing_is_given_out_before_the_file_is_bound(bundle: Path) -> None:
    with BundleReader.open(bundle) as reader:
        with pytest.raises(InternalError, match="before it was bound"):
            reader.blob(digest(LONG), 1 << 30)
        with pytest.raises(InternalError):
            reader.verify()
        with pytest.raises(InternalError):
            reader.carries(digest(LONG))


def test_a_bundle_is_bound_to_its_own_release_only(bundle: Path) -> None:
    with BundleReader.open(bundle) as reader, pytest.raises(InternalError, match="another release"):
        reader.bind(small_product().release)


@pytest.mark.parametrize("data", [LONG, TEXT, b""])
def test_a_blob_is_read_whole_or_in_chunks(bundle: Path, data: bytes) -> None:
    with BundleReader.open(bundle) as reader:
        reader.bind(reader.release())
        assert reader.blob(digest(data), len(data)) == data
        chunks = [bytes(chunk) for chunk in reader.stream(digest(data))]
        assert b"".join(chunks) == data
        assert all(0 < len(chunk) <= 1 << 20 for chunk in chunks)


def test_a_blob_above_the_cap_is_not_read(bundle: Path) -> None:
    with BundleReader.open(bundle) as reader:
        reader.bind(reader.release())
        with pytest.raises(BundleMismatchError, match="2,999,999 are allowed"):
            reader.blob(digest(LONG), len(LONG) - 1)


def test_a_blob_that_is_not_carried_is_named(tmp_path: Path) -> None:
    path = bundle_of(tmp_path / "b", VENDOR, PRODUCT, carried=[digest(TEXT)])
    with BundleReader.open(path) as reader:
        reader.bind(reader.release())
        assert reader.carriage().kind == "delta"
        assert reader.carries(digest(TEXT))
        assert not reader.carries(digest(LONG))
        assert reader.blob(digest(TEXT), 1 << 30) == TEXT
        assert reader.verify().blobs == 1
        with pytest.raises(BundleMismatchError, match="does not carry"):
            reader.stream(digest(LONG))


class Watcher:
    """Progress that counts."""

    def __init__(self) -> None:
        self.total: int | None = 0
        self.done = 0
        self.ended = False

    def start(self, title: str, total: int | None = None, unit: Unit = "bytes") -> Task:
        del title, unit
        self.total = total
        return self

    def note(self, text: str) -> None: ...

    def advance(self, amount: int) -> None:
        self.done += amount

    def settle(self, amount: int) -> None: ...

    def finish(self, outcome: str = "") -> None:
        self.ended = not outcome


def test_verify_reads_everything_and_says_how_far_it_is(bundle: Path) -> None:
    watcher = Watcher()
    with BundleReader.open(bundle) as reader:
        reader.bind(reader.release())
        verified = reader.verify(watcher)
    assert verified == Verified(3, len(LONG) + len(TEXT), bundle.stat().st_size)
    assert (watcher.done, watcher.total, watcher.ended) == (
        verified.blob_bytes,
        verified.blob_bytes,
        True,
    )


def _place(path: Path, data: bytes) -> int:
    with BundleReader.open(path) as reader:
        return reader.bind(reader.release()).members[digest(data)].offset or 0


def test_the_last_chunk_of_a_bad_blob_is_never_handed_out(bundle: Path) -> None:
    at = _place(bundle, LONG) + 525 + 100
    bad = forged(bundle, at, bytes([bundle.read_bytes()[at] ^ 1]))
    with BundleReader.open(bad) as reader:
        reader.bind(reader.release())
        got: list[bytes] = []
        with pytest.raises(BundleMismatchError, match=r"blobs/sha256/.*at byte .*digest"):
            got.extend(map(bytes, reader.stream(digest(LONG))))
        assert len(LONG) - (1 << 20) <= len(b"".join(got)) < len(LONG)
        assert reader.blob(digest(TEXT), 1 << 30) == TEXT  # the others are as good as ever


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (0, "before a block, found 29b5"),
        (13, "its tar header is not"),
        (525, "have the digest sha256"),
    ],
)
def test_a_message_names_the_member_and_what_is_wrong(
    bundle: Path, change: int, match: str
) -> None:
    at = _place(bundle, LONG) + change
    bad = forged(bundle, at, bytes([bundle.read_bytes()[at] ^ 1]))
    with BundleReader.open(bad) as reader:
        reader.bind(reader.release())
        with pytest.raises(BundleMismatchError) as caught:
            reader.verify()
    assert digest(LONG)[7:] in caught.value.message
    assert str(bad) in caught.value.message
    assert caught.value.hint
    assert match in caught.value.message


def test_a_cut_file_is_truncated_before_anything_is_read(bundle: Path, tmp_path: Path) -> None:
    whole = bundle.read_bytes()
    for end in (0, 1, 600, 5000, _place(bundle, LONG) + 5):
        cut = tmp_path / "cut"
        cut.write_bytes(whole[:end])
        with pytest.raises(TruncatedError, match=f"ends at byte {end:,}"):  # noqa: SIM117
            with BundleReader.open(cut) as reader:
                reader.bind(reader.release())


def test_bytes_behind_the_end_are_told(bundle: Path) -> None:
    longer = forged(bundle, bundle.stat().st_size, b"tail")
    with BundleReader.open(longer) as reader:
        reader.bind(reader.release())
        with pytest.raises(BundleMismatchError, match="4 bytes follow the end"):
            reader.verify()


def test_without_compressed_members_the_size_is_checked_at_once(tmp_path: Path) -> None:
    path = bundle_of(tmp_path / "b", VENDOR, product_of())
    assert path.read_bytes().endswith(END)
    longer = forged(path, path.stat().st_size, b"tail")
    with (
        BundleReader.open(longer) as reader,
        pytest.raises(BundleMismatchError, match="4 bytes follow"),
    ):
        reader.bind(reader.release())


def test_a_partial_file_that_was_renamed_is_told_apart(tmp_path: Path) -> None:
    product = product_of(blobs=[blob_of(b"x")])
    with BundleWriter.open(tmp_path / "b", header_of(VENDOR, product)) as writer:
        (blob,) = writer.missing()
        with writer.receive(blob) as sink:
            sink.write(b"x")
    partial_path(tmp_path / "b").rename(tmp_path / "b")
    with pytest.raises(TruncatedError, match="never completed"), BundleReader.open(tmp_path / "b"):
        pass


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04" * 2000, b"hello\n" * 1000, b"\x28\xb5\x2f\xfd" * 999]
)
def test_another_file_is_no_bundle(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with (
        pytest.raises(BundleMismatchError, match="is not a bundle"),
        BundleReader.open(tmp_path / "x"),
    ):
        pass


def test_a_file_that_is_not_there_or_is_none_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="gone"), BundleReader.open(tmp_path / "gone"):
        pass
    with pytest.raises(InputError, match=str(tmp_path)), BundleReader.open(tmp_path):
        pass
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular"), BundleReader.open(tmp_path / "pipe"):
        pass


def test_a_medium_that_fails_while_reading_is_a_media_error(bundle: Path) -> None:
    with BundleReader.open(bundle) as reader:
        reader.bind(reader.release())
        with (bundle.parent / "sink").open("wb") as unreadable:
            os.dup2(unreadable.fileno(), reader._file.handle)  # reads fail from here on: EBADF
            with pytest.raises(MediaError) as caught:
                reader.blob(digest(LONG), 1 << 30)
    assert type(caught.value) is MediaError
    assert "pulled out" in caught.value.hint


def test_opening_reads_the_header_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bundle_of(
        tmp_path / "b", VENDOR, product_of(blobs=[blob_of(noise(20 << 20), GZIP_LAYER)])
    )
    counted = 0
    genuine = os.pread

    def pread(handle: int, length: int, offset: int) -> bytes:
        nonlocal counted
        data = genuine(handle, length, offset)
        counted += len(data)
        return data

    monkeypatch.setattr(os, "pread", pread)
    with BundleReader.open(path) as reader:
        reader.bind(reader.release())
    assert counted <= 2 << 20
