"""Laws: what is built reads back; the same documents and blobs give the same bytes."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import given

from airferry_archive.reader import BundleReader
from airferry_archive.writer import BundleWriter
from airferry_fixtures.signers import new_key
from airferry_fixtures.simulator import (
    CONFIG,
    GZIP_LAYER,
    TAR_LAYER,
    Product,
    blob_of,
    header_of,
    noise,
    product_of,
    write_bundle,
)
from airferry_fixtures.statements import Vendor, channel_of

VENDOR = Vendor(keys=(new_key(),))
MEDIA_TYPES = st.sampled_from([CONFIG, GZIP_LAYER, TAR_LAYER, "text/plain", "application/x-any"])
SIZES = st.one_of(
    st.integers(0, 2000),
    st.sampled_from([0, 1, 511, 512, 513, 130_559, 130_560, 130_561, 131_072, 262_144]),
)
DATA = st.one_of(
    st.builds(noise, SIZES, st.integers(0, 99)),
    st.builds(lambda size, text: (text * size)[:size], SIZES, st.binary(min_size=1, max_size=9)),
)
PRODUCTS = st.lists(st.builds(blob_of, DATA, MEDIA_TYPES), max_size=6).map(
    lambda blobs: product_of(blobs=blobs)
)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@given(PRODUCTS, st.booleans())
def test_what_is_built_reads_back(product: Product, with_channel: bool) -> None:
    header = header_of(VENDOR, product, channel=channel_of() if with_channel else None)
    with folder() as place:
        path = write_bundle(place / "b", header, product.contents)
        with BundleReader.open(path) as reader:
            assert reader.header.signed_release == header.signed_release
            assert reader.header.channel == header.channel
            found = reader.bind(reader.release())
            verified = reader.verify()
            assert {one: reader.blob(one, 1 << 20) for one in found.members} == product.contents
        assert verified.file_bytes == path.stat().st_size
        assert found.size in (None, verified.file_bytes)


@given(PRODUCTS, st.randoms(use_true_random=False))
def test_two_builds_have_equal_bytes(product: Product, order: random.Random) -> None:
    header = header_of(VENDOR, product)
    with folder() as place:
        one = write_bundle(place / "one", header, product.contents).read_bytes()
        with BundleWriter.open(place / "two", header) as writer:
            raw = list(writer.missing_raw())
            order.shuffle(raw)
            for blob in (*raw, *writer.missing_compressed()):
                data = memoryview(product.contents[blob.digest])
                with writer.receive(blob) as sink:
                    while data:
                        size = order.randint(1, len(data))
                        sink.write(data[:size])
                        data = data[size:]
            writer.finish()
        assert (place / "two").read_bytes() == one


@given(PRODUCTS, st.data())
def test_a_delta_reads_back_what_it_carries(product: Product, data: st.DataObject) -> None:
    known = sorted(product.contents)
    carried = data.draw(st.sets(st.sampled_from(known))) if known else set()
    header = header_of(VENDOR, product, carried=carried)
    with folder() as place:
        path = write_bundle(place / "b", header, product.contents)
        with BundleReader.open(path) as reader:
            reader.bind(reader.release())
            assert reader.verify().blobs == len(carried)
            for digest in known:
                assert reader.carries(digest) == (digest in carried)


@given(PRODUCTS, st.data())
def test_a_build_that_was_stopped_ends_with_the_same_bytes(
    product: Product, data: st.DataObject
) -> None:
    header = header_of(VENDOR, product)
    with folder() as place:
        whole = write_bundle(place / "whole", header, product.contents).read_bytes()
        while not (place / "b").exists():
            with BundleWriter.open(place / "b", header) as writer:
                missing = writer.missing()
                more = data.draw(st.integers(1, len(missing))) if missing else 0
                for blob in missing[:more]:
                    with writer.receive(blob) as sink:
                        sink.write(product.contents[blob.digest])
                if not writer.missing():
                    writer.finish()
        assert (place / "b").read_bytes() == whole
