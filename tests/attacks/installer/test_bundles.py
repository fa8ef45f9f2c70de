"""Each row of trust.md's threat table that a bundle can carry out, against the command line."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airferry_archive.release import Audience
from airferry_fixtures import signers
from airferry_fixtures.attack_scene import Scene
from airferry_fixtures.customers import customer_of
from airferry_fixtures.registry_content import stored, tags
from airferry_fixtures.simulator import (
    Product,
    bundle_of,
    forged,
    header_of,
    small_product,
    write_bundle,
)
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation.digests import digest
from airferry_foundation.documents import digest_of

pytestmark = pytest.mark.program("registry", "cosign")


def _release(counter: int, **changes: Any) -> Product:
    return small_product().changed(release_counter=counter, version=f"1.{counter}.0", **changes)


def test_the_good_bundle_is_let_in(scene: Scene) -> None:
    for name in ("inspect", "verify", "load"):
        done = scene.customer.run(name, scene.good)
        assert done.code == 0, done.stderr
    assert tags(scene.registry)


# --- changed bytes --------------------------------------------------------------------------------


def test_one_byte_of_the_release_flipped(scene: Scene) -> None:
    at = scene.good.read_bytes().index(b'"product":"shop"') + 12
    scene.refused(forged(scene.good, at, b"S"), 22, "forged-shop.tar.zst", "another file")


def test_one_byte_of_a_root_flipped(scene: Scene) -> None:
    at = scene.good.read_bytes().index(b'"schema":"airferry.root/v1"') - 10
    scene.refused(forged(scene.good, at, b"\x00"), 24, "root 1")


def test_one_byte_of_the_carriage_flipped(scene: Scene) -> None:
    at = scene.good.read_bytes().index(b'"kind":"full"') + 8
    scene.refused(forged(scene.good, at, b"F"), 21, "carriage")


def test_one_byte_of_a_blob_flipped(scene: Scene) -> None:
    content = max(small_product().contents.values(), key=len)
    at = scene.good.read_bytes().index(content[1000:1100])
    flipped = forged(scene.good, at, bytes([content[1000] ^ 1]))
    assert scene.customer.run("inspect", flipped).code == 0, "the header is good"
    scene.refused_by("verify", flipped, 21, "digest")
    scene.refused_by("load", flipped, 21, "digest")
    assert tags(scene.registry) == {}, "no manifest, no tag"


def test_bytes_behind_the_end(scene: Scene) -> None:
    longer = forged(scene.good, scene.good.stat().st_size, b"\0" * 512)
    scene.refused_by("verify", longer, 21, "follow")


def test_a_bundle_that_was_cut(scene: Scene) -> None:
    whole = scene.good.read_bytes()
    cut = scene.folder / "cut.tar.zst"
    cut.write_bytes(whole[: len(whole) // 2])
    scene.refused(cut, 52, "cut.tar.zst")


@pytest.mark.parametrize("data", [b"", b"\x00" * 4096, b"PK\x03\x04 not a bundle" * 100])
def test_what_is_no_bundle_at_all(scene: Scene, data: bytes) -> None:
    file = scene.folder / "other.tar.zst"
    file.write_bytes(data)
    done = scene.customer.run("verify", file)
    assert done.code in {21, 52}
    assert "other.tar.zst" in done.stderr
    assert "Traceback" not in done.stderr


# --- signatures -----------------------------------------------------------------------------------


def test_no_signature(scene: Scene) -> None:
    bare = bundle_of(scene.folder / "bare.tar.zst", scene.vendor, keys=())
    scene.refused(bare, 23, "0 of the 2")


def test_one_signature_removed(scene: Scene) -> None:
    few = bundle_of(scene.folder / "few.tar.zst", scene.vendor, keys=scene.vendor.keys[:1])
    scene.refused(few, 23, "1 of the 2", "few.tar.zst")


def test_one_key_that_signs_twice(scene: Scene) -> None:
    keys = [scene.vendor.keys[0]] * 2
    twice = bundle_of(scene.folder / "twice.tar.zst", scene.vendor, keys=keys)
    scene.refused(twice, 23, "again by the same key")


def test_strangers_who_sign_under_the_vendor_s_roots(scene: Scene) -> None:
    keys = [signers.new_key(), signers.new_key()]
    theirs = bundle_of(scene.folder / "theirs.tar.zst", scene.vendor, keys=keys)
    scene.refused(theirs, 23, "does not list")


def test_strangers_with_a_root_of_their_own(scene: Scene) -> None:
    scene.refused(bundle_of(scene.folder / "own.tar.zst", Vendor()), 24, "forked")
    refusals = [e for e in scene.customer.state.journal.entries() if e.event == "refused"]
    assert {entry.facts["error"] for entry in refusals} == {"RootError"}, "forks are journalled"


def test_strangers_who_append_a_root(scene: Scene) -> None:
    stranger = Vendor()
    stranger.rotate(stranger.keys)
    roots = {1: scene.vendor.roots[1], 2: stranger.roots[2]}
    header = replace(header_of(stranger, small_product()), roots=roots)
    bundle = write_bundle(scene.folder / "append.tar.zst", header, small_product().contents)
    scene.refused(bundle, 24, "root 2")


def test_the_signature_of_another_document(scene: Scene) -> None:
    header = header_of(scene.vendor, small_product())
    other = signers.signed(b"{}", *scene.vendor.keys).signatures
    product = small_product()
    bundle = write_bundle(
        scene.folder / "other.tar.zst", replace(header, signatures=other), product.contents
    )
    scene.refused(bundle, 22, "another file")


def test_keys_that_were_retired(scene: Scene) -> None:
    old = scene.vendor.keys
    scene.vendor.rotate([signers.new_key()])
    new = bundle_of(scene.folder / "new.tar.zst", scene.vendor, _release(2))
    assert scene.customer.run("verify", new).code == 0
    late = bundle_of(scene.folder / "late.tar.zst", scene.vendor, _release(3), keys=old)
    scene.refused(late, 23, "0 of the 1")


def test_a_bundle_that_hides_the_newer_root(scene: Scene) -> None:
    old = scene.good
    scene.vendor.rotate([signers.new_key(), signers.new_key()])
    new = bundle_of(scene.folder / "new.tar.zst", scene.vendor, _release(2))
    assert scene.customer.run("verify", new).code == 0
    scene.refused(old, 23, "0 of the 2")


# --- the wrong release ----------------------------------------------------------------------------


def test_another_customer_s_bundle(scene: Scene) -> None:
    audience = Audience(customers=("bank",), environments="any")
    theirs = bundle_of(scene.folder / "bank.tar.zst", scene.vendor, _release(1, audience=audience))
    before = scene.customer.state.trust()
    scene.refused(theirs, 25, "bank", "acme")
    assert scene.customer.state.trust() == before
    assert scene.customer.run("load", scene.good).code == 0, "it left no trace"


def test_another_product(scene: Scene) -> None:
    vendor = Vendor(product="till")
    other = bundle_of(scene.folder / "till.tar.zst", vendor, _release(1, product="till"))
    scene.refused(other, 25, "till")


def test_an_older_release_below_the_floor(scene: Scene) -> None:
    new = bundle_of(scene.folder / "new.tar.zst", scene.vendor, _release(5, security_floor=4))
    assert scene.customer.run("load", new).code == 0
    scene.refused(scene.good, 26, "below the security floor 4")


def test_a_revoked_release(scene: Scene) -> None:
    revoked = digest_of(small_product().release)
    statement = channel_of(revoked=(revoked,), newest_counter=2, newest_version="1.2.0")
    new = bundle_of(scene.folder / "new.tar.zst", scene.vendor, _release(2), channel=statement)
    assert scene.customer.run("verify", new).code == 0
    scene.refused(scene.good, 26, "revoked", "1.2.0")


def test_two_releases_at_one_place(scene: Scene) -> None:
    assert scene.customer.run("verify", scene.good).code == 0
    other = small_product().changed(version="1.1.1")
    bundle = bundle_of(scene.folder / "other.tar.zst", scene.vendor, other)
    scene.refused(bundle, 26, "two different releases")


def test_a_release_of_another_epoch(scene: Scene) -> None:
    scene.refused(
        bundle_of(scene.folder / "epoch.tar.zst", scene.vendor, _release(2, epoch=2)), 26, "epoch 2"
    )


def test_a_channel_statement_without_its_signatures(scene: Scene) -> None:
    header = header_of(scene.vendor, small_product(), channel=channel_of())
    assert header.channel is not None
    bare = replace(header, channel=replace(header.channel, signatures=()))
    bundle = write_bundle(scene.folder / "bare.tar.zst", bare, small_product().contents)
    scene.refused(bundle, 23, "channel.json")


def test_what_a_refused_bundle_teaches_is_remembered(scene: Scene) -> None:
    statement = channel_of(newest_counter=9, newest_version="1.9.0", security_floor=8)
    low = bundle_of(scene.folder / "low.tar.zst", scene.vendor, channel=statement)
    scene.refused(low, 26, "below the security floor 8", "1.9.0")
    line = scene.customer.state.trust().line("shop")
    assert line is not None
    assert line.floor == 8


# --- inspect, terminal, state ---------------------------------------------------------------------


def test_inspect_saves_nothing(scene: Scene) -> None:
    before = scene.customer.remembered()
    assert scene.customer.run("inspect", scene.good).code == 0
    assert scene.customer.run("inspect", bundle_of(scene.folder / "x.tar.zst", Vendor())).code == 24
    assert scene.customer.remembered() == before


def test_names_of_files_don_t_drive_the_terminal(scene: Scene) -> None:
    evil = scene.folder / "a\x1b[2Jb\u202ec[bold].tar.zst"
    evil.write_bytes(scene.good.read_bytes()[:3000])
    done = scene.customer.run("verify", evil)
    assert done.code == 52
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr
    assert "[bold]" in done.stderr


def test_a_changed_journal(scene: Scene) -> None:
    assert scene.customer.run("verify", scene.good).code == 0
    assert scene.customer.run("history", "--verify").code == 0
    connection = sqlite3.connect(scene.customer.state.folder / "state.db")
    connection.execute("DELETE FROM journal WHERE number = 2")
    connection.commit()
    connection.close()
    done = scene.customer.run("history", "--verify")
    assert done.code == 29
    assert "entry 2 is missing" in done.stderr


def test_a_lowered_floor_in_the_state(scene: Scene) -> None:
    new = bundle_of(scene.folder / "new.tar.zst", scene.vendor, _release(5, security_floor=4))
    assert scene.customer.run("verify", new).code == 0
    connection = sqlite3.connect(scene.customer.state.folder / "state.db")
    (data,) = connection.execute("SELECT data FROM documents WHERE name='trust'").fetchone()
    lowered = bytes(data).replace(b'"floor":4', b'"floor":1')
    connection.execute("UPDATE documents SET data=? WHERE name='trust'", (lowered,))
    connection.commit()
    connection.close()
    done = scene.customer.run("history", "--verify")
    assert done.code == 29
    assert "trust state" in done.stderr


def test_another_fingerprint(scene: Scene, tmp_path: Path) -> None:
    customer = customer_of(tmp_path / "fresh", scene.registry.address)
    root = tmp_path / "root.json"
    root.write_bytes(Vendor().roots[1].document)
    expected = digest(scene.vendor.roots[1].document)
    done = customer.run(
        "init", "--site", customer.site, "--vendor-root", root, "--fingerprint", expected
    )
    assert done.code == 24
    assert expected in done.stderr
    assert digest(root.read_bytes()) in done.stderr
    assert not (customer.folder / "state").exists()


def test_a_second_root_over_a_pinned_one(scene: Scene) -> None:
    before = scene.customer.remembered()
    done = scene.customer.init(Vendor())
    assert done.code == 24
    assert "trusts another root" in done.stderr
    assert scene.customer.remembered() == before
    assert stored(scene.registry) == frozenset()
