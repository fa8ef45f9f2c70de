"""`init --repin` through the command line: who must agree, what stays, what begins afresh."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from airferry_fixtures import signers
from airferry_fixtures.commands import Ran
from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.people import key_of, policy_of
from airferry_fixtures.simulator import bundle_of, product_of
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_installer.approving.policy import Rule
from airferry_signing import sshsig

NOWHERE = "127.0.0.1:9"


def new_vendor(epoch: int) -> Vendor:
    """A vendor that begins again, in an epoch."""
    vendor = Vendor()
    root = msgspec.structs.replace(vendor.newest, epoch=epoch)
    vendor.newest = root
    vendor.roots[1] = signers.signed(root, *vendor.keys)
    return vendor


def repin(customer: Customer, vendor: Vendor, *more: str) -> Ran:
    root = customer.folder / "new-root.json"
    root.write_bytes(vendor.roots[1].document)
    known = digest(root.read_bytes())
    words = ("init", "--repin", "--vendor-root", root, "--fingerprint", known)
    return customer.run(*words, "--output", "json", *more)


def with_policy(folder: Path, vendor: Vendor) -> Customer:
    """A customer whose policy demands two people for a change."""
    folder.mkdir()
    people = {name: [name] for name in ("anna", "ben", "carl")}
    policy = policy_of(people, Rule(people=1), environment="staging", change=2)
    (folder / "policy.json").write_bytes(documents.encode(policy))
    return customer_of(folder, NOWHERE, vendor, more="policy: policy.json\n")


def sign(path: Path, person: str, number: int) -> None:
    signature = sshsig.sign(path.read_bytes(), key_of(person))
    path.with_name(f"{path.name}.{number}.sig").write_bytes(signature)


def test_without_a_policy_a_person_says_yes(tmp_path: Path) -> None:
    old, new = Vendor(), new_vendor(2)
    customer = customer_of(tmp_path / "customer", NOWHERE, old)
    learned = bundle_of(
        tmp_path / "old.tar.zst", old, product_of(counter=5), channel=channel_of(security_floor=4)
    )
    assert customer.run("verify", learned).code == 0
    silent = repin(customer, new)
    assert silent.code == 2
    assert "--yes" in silent.stderr
    done = repin(customer, new, "--yes")
    assert done.code == 0, done.stderr
    assert (done.answer["repinned"], done.answer["epoch"], done.answer["people"]) == (True, 2, [])

    fresh = bundle_of(tmp_path / "new.tar.zst", new, product_of(counter=1, epoch=2))
    assert customer.run("verify", fresh).code == 0
    refused = customer.run("verify", learned)
    assert 20 <= refused.code < 30
    entry = [e for e in customer.state.journal.entries() if e.event == "repinned"]
    assert len(entry) == 1
    assert customer.run("history", "--verify").code == 0


def test_under_a_policy_people_sign_the_decision(tmp_path: Path) -> None:
    old, new = Vendor(), new_vendor(1)
    customer = with_policy(tmp_path / "customer", old)
    before = customer.state.trust()
    asked = repin(customer, new, "--reason", "the safe burned", "--yes")
    assert asked.code == 1
    decision = customer.folder / "repin.json"
    assert asked.answer == {"repinned": False, "decision": "repin.json", "demanded": 2}
    assert b"the safe burned" in decision.read_bytes()

    sign(decision, "anna", 1)
    sign(decision, "mallory", 2)
    refused = repin(customer, new)
    assert 10 <= refused.code < 70
    assert "signed by anna" in refused.stderr
    assert customer.state.trust() == before

    sign(decision, "ben", 3)
    done = repin(customer, new)
    assert done.code == 0, done.stderr
    assert done.answer["people"] == ["anna", "ben"]
    assert customer.run("verify", bundle_of(tmp_path / "b.tar.zst", new)).code == 0
    again = repin(customer, new)
    assert again.code == 10
    assert "already" in again.stderr


def test_a_decision_on_another_root_carries_nothing_out(tmp_path: Path) -> None:
    old, new, other = Vendor(), new_vendor(1), new_vendor(1)
    customer = with_policy(tmp_path / "customer", old)
    repin(customer, new)
    decision = customer.folder / "repin.json"
    for number, person in enumerate(("anna", "ben"), 1):
        sign(decision, person, number)
    before = customer.state.trust()
    refused = repin(customer, other)
    assert "another wanted" in refused.stderr
    assert customer.state.trust() == before


def test_in_the_same_epoch_nothing_learned_is_lost(tmp_path: Path) -> None:
    old, new = Vendor(), new_vendor(1)
    customer = customer_of(tmp_path / "customer", NOWHERE, old)
    first = bundle_of(
        tmp_path / "old.tar.zst", old, product_of(counter=5), channel=channel_of(security_floor=4)
    )
    customer.run("verify", first)
    assert repin(customer, new, "--yes").code == 0
    low = bundle_of(tmp_path / "low.tar.zst", new, product_of(counter=3))
    refused = customer.run("verify", low)
    assert "below the security floor 4" in refused.stderr


@pytest.mark.parametrize("epoch", [1, 2])
def test_an_epoch_never_falls(tmp_path: Path, epoch: int) -> None:
    old = new_vendor(3)
    customer = customer_of(tmp_path / "customer", NOWHERE, old)
    refused = repin(customer, new_vendor(epoch), "--yes")
    assert 20 <= refused.code < 30
    assert "--epoch 4" in refused.stderr


def test_what_was_never_pinned_is_not_pinned_anew(tmp_path: Path) -> None:
    customer = customer_of(tmp_path / "customer", NOWHERE, Vendor())
    stranger = Vendor(product="depot")
    refused = repin(customer, stranger, "--yes")
    assert refused.code == 10
    assert "without --repin" in refused.stderr
