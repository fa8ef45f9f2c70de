"""Attacks on the command line for the rows of the threat table that test_bundles.py leaves open.

Each row of docs/explanation/security.md links its tests; a test there holds the links.
"""

from __future__ import annotations

import gzip
import json
import lzma
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from airferry_archive import frames, layout, tar_headers
from airferry_fixtures import signers
from airferry_fixtures.attack_scene import Scene
from airferry_fixtures.clocks import moved_clock
from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.registry_content import stored, tags
from airferry_fixtures.signature_corpus import cases
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    blob_of,
    bundle_of,
    forged,
    header_of,
    noise,
    pieces,
    product_of,
    small_product,
    write_bundle,
)
from airferry_fixtures.statements import channel_of
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_signing.signature_files import SignedDocument

pytestmark = pytest.mark.program("registry", "cosign")

MTIME = 1_795_531_820


def joined(scene: Scene, parts: list[bytes], name: str = "forged.tar.zst") -> Path:
    path = scene.folder / name
    path.write_bytes(b"".join(parts))
    return path


def with_header(scene: Scene, name: str, **changes: object) -> Path:
    """The good bundle with another header, by the project's own writer."""
    header = replace(header_of(scene.vendor, small_product()), **changes)  # type: ignore[arg-type]
    return write_bundle(scene.folder / f"{name}.tar.zst", header, small_product().contents)


def assert_never_read(scene: Scene, bundle: Path, code: int, *words: str) -> None:
    """Both `verify` and `load` refuse; the registry holds no tag, so nothing can be run."""
    scene.refused_by("verify", bundle, code, *words)
    scene.refused_by("load", bundle, code, *words)
    assert tags(scene.registry) == {}


# --- bytes: extra members, frames, padding, tails, order ------------------------------------------


EXTRA = {
    "member": layout.encode_file("blobs/sha256/" + "0" * 64, b"evil", MTIME),
    "gzip": gzip.compress(b"evil", mtime=0),
    "xz": lzma.compress(b"evil"),
    "skippable": bytes.fromhex("502a4d18") + (4).to_bytes(4, "little") + b"evil",
    "end": frames.encode(tar_headers.END),
}


@pytest.mark.parametrize("what", EXTRA)
def test_something_between_the_header_and_the_blobs(scene: Scene, what: str) -> None:
    parts = pieces(scene.good)
    at = next(n for n, one in enumerate(parts) if b"blobs/sha256/" in one[:60])
    assert_never_read(scene, joined(scene, [*parts[:at], EXTRA[what], *parts[at:]]), 21)


@pytest.mark.parametrize("what", EXTRA)
def test_something_between_two_blobs(scene: Scene, what: str) -> None:
    parts = pieces(scene.good)
    assert_never_read(scene, joined(scene, [*parts[:-2], EXTRA[what], *parts[-2:]]), 21)


@pytest.mark.parametrize("what", EXTRA)
def test_something_behind_the_end(scene: Scene, what: str) -> None:
    parts = pieces(scene.good)
    scene.refused_by("verify", joined(scene, [*parts, EXTRA[what]]), 21, "follow the end")


def test_members_in_another_order(scene: Scene) -> None:
    parts = pieces(scene.good)
    parts[-2], parts[-3] = parts[-3], parts[-2]
    assert_never_read(scene, joined(scene, parts), 21)


def test_padding_that_holds_something(scene: Scene) -> None:
    parts = pieces(scene.good)
    parts[0] = parts[0][:-4] + b"evil"
    scene.refused(joined(scene, parts), 21, "padding")


# --- what is no signature -------------------------------------------------------------------------


def test_an_attestation_passed_off_as_a_signature(scene: Scene) -> None:
    """cosign itself would accept it: test_differences.py shows that."""
    header = header_of(scene.vendor, small_product())
    found = next(case for case in cases() if "attestation about" in case.name)
    bundle = with_header(scene, "attested", signatures=(found.bundle, *header.signatures[1:]))
    scene.refused(bundle, 22, "is not a signature of a file")


def test_a_malformed_signature_beside_enough_good_ones(scene: Scene) -> None:
    """It is not passed over as a stranger's: another reader could stop at it."""
    header = header_of(scene.vendor, small_product())
    odd = signers.bundle(header.release, b"\x05" * 64)
    scene.refused(with_header(scene, "odd", signatures=(*header.signatures, odd)), 22, "in DER")


@pytest.mark.parametrize("name", ["cosign's legacy bundle", "media type v0.1", "urlsafe base64"])
def test_other_forms_of_a_signature(scene: Scene, name: str) -> None:
    found = next(case for case in cases() if case.name == name)
    scene.refused(with_header(scene, "form", signatures=(found.bundle,)), 22, "Next")


def test_a_signed_document_of_another_type_in_place_of_the_release(scene: Scene) -> None:
    """The keys of the release role sign a channel statement: it is still no release."""
    statement = signers.signed(channel_of(), *scene.vendor.keys)
    header = header_of(scene.vendor, small_product())
    data = layout.encode_file("release.json", statement.document, MTIME)
    parts = [data]
    parts += [
        layout.encode_file(f"signatures/release.json.{n}.sigstore.json", one, MTIME)
        for n, one in enumerate(statement.signatures, 1)
    ]
    rest = pieces(scene.good)
    skip = 1 + len(header.signatures)
    scene.refused(joined(scene, [*parts, *rest[skip:]]), 26, "schema", "airferry.channel/v1")


# --- keys -----------------------------------------------------------------------------------------


def test_one_key_in_two_encodings(scene: Scene) -> None:
    """A root that lists one key twice, once as a compressed point: no threshold is met by it."""
    key = scene.vendor.keys[0]
    compressed = next(case for case in cases() if "compressed" in case.name).key
    plain = json.loads(scene.vendor.roots[1].document)
    plain["number"] = 2
    plain["keys"][digest(compressed.encode())] = compressed
    for role in plain["roles"].values():
        role["keys"] = sorted([*role["keys"], digest(compressed.encode())])
    two = signers.signed(documents.encode(plain), *scene.vendor.keys)
    roots = {1: scene.vendor.roots[1], 2: two}
    scene.refused(with_header(scene, "twice", roots=roots), 24, "root 2")
    assert key.key_id in plain["keys"]


def test_a_gap_in_the_chain_of_roots(scene: Scene) -> None:
    scene.vendor.rotate([signers.new_key()])
    scene.vendor.rotate([signers.new_key()])
    roots = {1: scene.vendor.roots[1], 3: scene.vendor.roots[3]}
    scene.refused(with_header(scene, "gap", roots=roots), 24, "root")


def test_a_next_root_that_too_few_signed(scene: Scene) -> None:
    scene.vendor.rotate([signers.new_key()])
    second = scene.vendor.roots[2]
    few = SignedDocument(second.document, second.signatures[:1])
    scene.refused(with_header(scene, "few", roots={**scene.vendor.roots, 2: few}), 24, "root 2")


def test_fewer_roots_than_are_known_are_fine(scene: Scene) -> None:
    """Also that a customer who skipped two roots gets them out of one bundle."""
    first = dict(scene.vendor.roots)
    keys = scene.vendor.keys
    for _ in range(2):
        scene.vendor.rotate(keys)
    new = bundle_of(scene.folder / "new.tar.zst", scene.vendor)
    assert scene.customer.run("verify", new).code == 0
    old = with_header(scene, "fewer", roots=first)
    assert scene.customer.run("verify", old).code == 0
    line = scene.customer.state.trust().line("shop")
    assert line is not None
    assert line.chain.number == 3


# --- numbers run ahead by a stolen key ------------------------------------------------------------


def test_a_new_epoch_recovers_from_numbers_that_a_thief_ran_ahead(scene: Scene) -> None:
    """The thief used up every counter and floor; the vendor's next root begins an epoch."""
    far = small_product().changed(
        release_counter=2**53 - 1, version="9.9.9", security_floor=2**53 - 1,
        issued_at="2200-01-01T00:00:00Z",
    )  # fmt: skip
    thief = bundle_of(scene.folder / "thief.tar.zst", scene.vendor, far)
    assert scene.customer.run("verify", thief).code == 0, "signed by keys that were still good"
    scene.refused(scene.good, 26, "below the security floor")
    scene.vendor.rotate([signers.new_key(), signers.new_key()], epoch=2)
    mended = small_product().changed(release_counter=2, version="1.2.0", epoch=2)
    bundle = bundle_of(scene.folder / "mended.tar.zst", scene.vendor, mended)
    assert scene.customer.run("verify", bundle).code == 0
    scene.refused(thief, 23, "0 of the 2")


def test_a_time_that_a_thief_ran_ahead_is_only_a_claim(scene: Scene) -> None:
    ahead = small_product().changed(
        release_counter=2, version="1.2.0", issued_at="2200-01-01T00:00:00Z"
    )
    thief = bundle_of(scene.folder / "ahead.tar.zst", scene.vendor, ahead)
    assert "correct the clock" in scene.customer.run("verify", thief).stdout
    later = small_product().changed(release_counter=3, version="1.3.0")
    bundle = bundle_of(scene.folder / "later.tar.zst", scene.vendor, later)
    assert scene.customer.run("load", bundle).code == 0, "nobody is locked out by it"


def shifted(scene: Scene, days: int) -> Customer:
    """The same customer, whose system clock is so many days off."""
    return replace(scene.customer, environment=moved_clock(scene.folder, timedelta(days=days)))


def test_a_clock_that_was_moved_back(scene: Scene) -> None:
    """What was revoked stays so, and people are told that the clock is behind."""
    revoked = documents.digest_of(small_product().release)
    statement = channel_of(revoked=(revoked,), newest_counter=2, newest_version="1.2.0")
    second = small_product().changed(release_counter=2, version="1.2.0")
    new = bundle_of(scene.folder / "new.tar.zst", scene.vendor, second, channel=statement)
    assert scene.customer.run("verify", new).code == 0
    past = shifted(scene, -3650)
    assert "correct the clock" in past.run("inspect", new).stdout
    done = past.run("load", scene.good)
    assert (done.code, "revoked" in done.stderr) == (26, True)
    assert tags(scene.registry) == {}


def test_a_clock_that_was_moved_far_ahead(scene: Scene) -> None:
    future = shifted(scene, 36500)
    assert future.run("verify", scene.good).code == 0
    assert "correct the clock" in scene.customer.run("inspect", scene.good).stdout
    assert scene.customer.run("load", scene.good).code == 0


# --- bombs and odd text ---------------------------------------------------------------------------


ODD: dict[str, Callable[[bytes], bytes]] = {
    "nested": lambda data: data[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "twice": lambda data: data.replace(b'{"', b'{"product":"evil","', 1),
    "huge integer": lambda data: data.replace(b'_counter":1', b'_counter":1' + b"0" * 30),
    "not UTF-8": lambda data: data.replace(b'"shop"', b'"sh\xffp"'),
    "escape": lambda data: data.replace(b'"shop"', b'"sh\\u001b[2Jp"'),
    "bidi": lambda data: data.replace(b'"shop"', '"sh\u202ep"'.encode()),
    "a newline behind a name": lambda data: data.replace(b'"shop"', b'"shop\\n"'),
    "spaces": lambda data: data.replace(b",", b", ", 1),
    "a float": lambda data: data.replace(b'"release_counter":1', b'"release_counter":1.0'),
    "nothing": lambda _: b"",
    "null": lambda _: b"null",
}  # fmt: skip


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_an_odd_release(scene: Scene, what: str, signed: bool) -> None:
    """Also where the vendor's own keys signed it."""
    good = header_of(scene.vendor, small_product()).release
    data = ODD[what](good)
    assert data != good
    keys = scene.vendor.keys if signed else ()
    parts = [layout.encode_file("release.json", data, MTIME)]
    parts += [
        layout.encode_file(f"signatures/release.json.{n}.sigstore.json", key.sign(data), MTIME)
        for n, key in enumerate(keys, 1)
    ]
    bundle = joined(scene, [*parts, *pieces(scene.good)[3:]])
    done = scene.customer.run("load", bundle)
    assert done.code in ({12} if signed else {21, 23}), done.stderr
    for odd in ("\x1b", "\u202e", "Traceback"):
        assert odd not in done.stderr + done.stdout
    assert stored(scene.registry) == frozenset()


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "field"),
    [
        (0, b"../../etc/cron.d/x\0"), (0, b"/etc/passwd\0"), (0, b"RELEASE.JSON\0"),
        (0, b"\xd1\x80elease.json\0"), (156, b"2"), (156, b"1"), (156, b"3"), (157, b"/etc/passwd"),
        (345, b"/etc"),
    ],
    ids=["up", "absolute", "case twin", "cyrillic twin", "symlink", "hardlink", "device", "target",
         "prefix"],
)  # fmt: skip
def test_names_that_escape(scene: Scene, at: int, field: bytes) -> None:
    parts = pieces(scene.good)
    place = next(n for n, one in enumerate(parts) if b"README.txt" in one[:60])
    lead = parts[place].index(b"README.txt")
    block = bytearray(parts[place][lead : lead + 512])
    block[at : at + len(field)] = field
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    parts[place] = parts[place][:lead] + bytes(block) + parts[place][lead + 512 :]
    before = {path for path in scene.folder.rglob("*") if "state" not in path.parts}
    bundle = joined(scene, parts)
    scene.refused(bundle, 21)
    after = {path for path in scene.folder.rglob("*") if "state" not in path.parts}
    assert after - before == {bundle}, "nothing was written anywhere"


# --- between check and use ------------------------------------------------------------------------


def test_a_bundle_that_is_changed_after_it_was_verified(scene: Scene) -> None:
    assert scene.customer.run("verify", scene.good).code == 0
    content = max(small_product().contents.values(), key=len)
    whole = scene.good.read_bytes()
    at = whole.index(content[1000:1100])
    scene.good.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    scene.refused_by("load", scene.good, 21, "digest")
    assert tags(scene.registry) == {}


def test_a_bundle_that_is_changed_again_and_again_while_it_is_loaded(scene: Scene) -> None:
    """Whatever moment is hit: what reached the registry is what was signed."""
    content = max(small_product().contents.values(), key=len)
    at = scene.good.read_bytes().index(content[1000:1100])
    stop = threading.Event()

    def flip() -> None:
        with scene.good.open("r+b") as file:
            while not stop.is_set():
                for byte in (content[1000] ^ 1, content[1000]):
                    file.seek(at)
                    file.write(bytes([byte]))
                    file.flush()

    flipping = threading.Thread(target=flip)
    flipping.start()
    try:
        codes = {scene.customer.run("load", scene.good).code for _ in range(6)}
    finally:
        stop.set()
        flipping.join()
    assert codes <= {0, 21}
    for path in scene.registry.folder.rglob("data"):
        if "_uploads" not in path.parts and path.parent.parent.parent.name == "sha256":
            assert digest(path.read_bytes()) == f"sha256:{path.parent.name}"


# --- two bundles ----------------------------------------------------------------------------------


def test_the_header_of_one_bundle_on_the_blobs_of_another(scene: Scene) -> None:
    other = product_of(blobs=[blob_of(noise(90_000), GZIP_LAYER)], counter=2)
    second = bundle_of(scene.folder / "second.tar.zst", scene.vendor, other)
    head = [one for one in pieces(scene.good) if b"blobs/sha256/" not in one[:60]][:-1]
    blobs = [one for one in pieces(second) if b"blobs/sha256/" in one[:60]]
    assert_never_read(scene, joined(scene, [*head, *blobs, pieces(second)[-1]]), 21)


def test_a_carriage_that_is_another_bundle_s(scene: Scene) -> None:
    other = small_product().changed(release_counter=2, version="1.2.0")
    carriage = header_of(scene.vendor, other).carriage
    parts = pieces(scene.good)
    at = next(n for n, one in enumerate(parts) if b"carriage.json" in one[:60])
    parts[at] = layout.encode_file("carriage.json", carriage, MTIME)
    scene.refused(joined(scene, parts), 21, "carriage")


def test_the_first_root_must_be_told_by_its_fingerprint(scene: Scene, tmp_path: Path) -> None:
    """Before anything was pinned, nothing is admitted, however well it is signed."""
    fresh = customer_of(tmp_path / "fresh", scene.registry.address)
    done = fresh.run("load", scene.good)
    assert done.code == 65, done.stderr
    assert "init" in done.stderr
    assert stored(scene.registry) == frozenset()


def test_a_copy_with_one_bit_changed_anywhere_in_the_header(scene: Scene) -> None:
    """Forty places; test_every_byte.py goes through the whole file, on the functions."""
    whole = scene.good.read_bytes()
    size = whole.index(b"blobs/sha256/") - 14
    for at in range(0, size, size // 40):
        flipped = forged(scene.good, at, bytes([whole[at] ^ 4]))
        done = scene.customer.run("load", flipped)
        assert done.code >= 10, (at, done.stdout)
        assert "Traceback" not in done.stderr
    assert stored(scene.registry) == frozenset()
