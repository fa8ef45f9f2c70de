from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from airferry_archive import frames, layout
from airferry_archive.carriage import Carriage
from airferry_archive.layout import Coding, Header, Layout, arrange, arrange_with
from airferry_archive.release import Blob
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    Product,
    blob_of,
    header_of,
    image_of,
    product_of,
    small_product,
)
from airferry_fixtures.statements import Vendor
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import BundleMismatchError

VENDOR = Vendor()


def arranged(product: Product, **header: object) -> Layout:
    made = header_of(VENDOR, product, **header)  # type: ignore[arg-type]
    return arrange_with(made, product.release, carriage_of(made), {})


def carriage_of(header: Header) -> Carriage:
    return documents.decode(header.carriage, Carriage, name="carriage.json")


def of_size(*sizes: int, media_type: str = GZIP_LAYER) -> Product:
    blobs = tuple(
        Blob(digest=digest(b"%d" % size), size=size, media_type=media_type, repositories=("a",))
        for size in sizes
    )
    product = product_of().changed(blobs=tuple(sorted(blobs, key=lambda b: b.digest)))
    return Product(product.release, {blob.digest: b"" for blob in blobs})


def test_members_are_in_order_descriptions_first_compressed_last() -> None:
    product = product_of(
        images=[image_of(f"docker.io/acme/a:{n}", layers=[b"%d" % n]) for n in range(5)],
        blobs=[blob_of(b"t%d" % n, TAR_LAYER) for n in range(5)],
    )
    members = list(arranged(product).members.values())
    kinds = [
        ("description" if "tar" not in m.blob.media_type else "layer", m.coding) for m in members
    ]
    raw, compressed = Coding.RAW, Coding.COMPRESSED
    expected = [("description", raw)] * 10 + [("layer", raw)] * 5 + [("layer", compressed)] * 5
    assert kinds == expected
    for start, end in ((0, 10), (10, 15), (15, 20)):
        digests = [m.blob.digest for m in members[start:end]]
        assert digests == sorted(digests)


def test_raw_members_follow_each_other_without_a_gap() -> None:
    product = of_size(0, 1, 512, 131_072, 70 << 20, 9 << 30)
    found = arranged(product)
    position = found.blobs_start
    for member in found.raw:
        assert member.offset == position
        position += frames.encoded_size(member.length)
    assert position == found.compressed_start
    assert found.size == position + len(layout.END)


def test_a_layout_of_compressed_members_does_not_know_its_size() -> None:
    found = arranged(of_size(5, media_type=TAR_LAYER))
    assert found.size is None
    assert [member.offset for member in found.compressed] == [None]


def test_the_end_is_the_two_zero_blocks_of_tar() -> None:
    assert frames.encode(bytes(1024)) == layout.END


def test_the_header_is_its_files_one_after_the_other() -> None:
    found = arranged(small_product())
    assert len(found.first_frame + found.header_rest()) == found.blobs_start
    assert found.files[0][0] == "release.json"


def test_sha256sums_list_everything_but_themselves() -> None:
    product = small_product()
    found = arranged(product)
    sums = dict(found.files)["SHA256SUMS"].decode().splitlines()
    names = [line.split("  ")[1] for line in sums]
    in_header = [name for name, _ in found.files if name != "SHA256SUMS"]
    assert names == in_header + [member.name for member in found.members.values()]


def test_frames_that_are_not_known_yet_move_nothing() -> None:
    product = small_product()
    header = header_of(VENDOR, product)
    carriage = carriage_of(header)
    one = arrange_with(header, product.release, carriage, {})
    known = {member.blob.digest: digest(b"f") for member in one.compressed}
    other = arrange_with(header, product.release, carriage, known)
    assert one.arrangement == other.arrangement
    assert one.blobs_start == other.blobs_start
    assert [member.frames for member in other.compressed] == [digest(b"f")] * len(known)
    assert one.files != other.files


def test_another_signature_of_the_same_size_is_the_same_arrangement() -> None:
    product = small_product()
    assert (
        arranged(product, keys=VENDOR.keys[:1]).arrangement != arranged(product).arrangement
    )  # one file fewer
    header = header_of(VENDOR, product)
    resigned = replace(header, signatures=tuple(s[::-1] for s in header.signatures))
    layouts = [
        arrange_with(one, product.release, carriage_of(one), {}) for one in (header, resigned)
    ]
    assert layouts[0].arrangement == layouts[1].arrangement


def test_a_delta_has_only_the_blobs_that_it_carries() -> None:
    product = small_product()
    wanted = sorted(product.contents)[:2]
    assert sorted(arranged(product, carried=wanted).members) == wanted


# --- what does not fit together -------------------------------------------------------------------


def refused(match: str, product: Product, header: Header, carriage: Carriage) -> None:
    with pytest.raises(BundleMismatchError, match=match):
        arrange(header, product.release, carriage)


def test_a_carriage_of_another_release_is_refused() -> None:
    product = small_product()
    header = header_of(VENDOR, product)
    other = msgspec.structs.replace(carriage_of(header), release=digest(b""))
    refused("is for the release", product, header, other)


@pytest.mark.parametrize("change", ["reversed", "twice", "strange", "fewer"])
def test_a_carriage_with_other_blobs_is_refused(change: str) -> None:
    product = small_product()
    header = header_of(VENDOR, product)
    carriage = carriage_of(header)
    blobs = {
        "reversed": carriage.blobs[::-1],
        "twice": (carriage.blobs[0], *carriage.blobs),
        "strange": tuple(sorted((*carriage.blobs, digest(b"strange")))),
        "fewer": carriage.blobs[1:],
    }[change]
    refused("carriage", product, header, msgspec.structs.replace(carriage, blobs=blobs))


def test_a_carriage_that_does_not_tell_the_frames_is_refused() -> None:
    product = small_product()
    header = header_of(VENDOR, product)
    refused("0 compressed members; there are 2", product, header, carriage_of(header))


@pytest.mark.parametrize("name", ["readme", "oci_layout", "index"])
def test_a_member_that_the_release_does_not_list_is_refused(name: str) -> None:
    product = product_of()
    header = replace(header_of(VENDOR, product), **{name: b"something else"})
    refused("not the one that release.json lists", product, header, carriage_of(header))


def test_a_blob_that_is_listed_twice_is_refused() -> None:
    product = of_size(1)
    product = product.changed(blobs=product.release.blobs * 2)
    header = header_of(VENDOR, product)
    refused("lists a blob twice", product, header, carriage_of(header))


def test_a_signature_above_its_cap_is_refused() -> None:
    product = product_of()
    header = replace(header_of(VENDOR, product), signatures=(bytes(17 << 10),))
    refused("are allowed", product, header, carriage_of(header))


def test_a_header_above_16_mib_is_refused() -> None:
    product = product_of()
    header = header_of(VENDOR, product)
    root = replace(header.roots[1], signatures=(bytes(16 << 10),) * 16)
    big = replace(header, roots=dict.fromkeys(range(1, 65), root))
    refused("16,777,216 are allowed", product, big, carriage_of(big))
