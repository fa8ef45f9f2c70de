"""Every way to apply without a valid approval that we thought of, against the command line."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from airferry_fixtures.changes import installer
from airferry_fixtures.guarded import REFUSED, Guarded, guard
from airferry_fixtures.servers.cluster import Cluster
from airferry_foundation import documents
from airferry_foundation.programs import find
from airferry_installer import trust
from airferry_installer.approving import requests
from airferry_installer.approving.policy import MAX_BYTES, Policy, Rule
from airferry_installer.planning.plan import Plan
from airferry_installer.state import StateFolder

pytestmark = pytest.mark.cluster


@pytest.fixture
def guarded(tmp_path: Path, cluster: Cluster, namespace: str) -> Iterator[Guarded]:
    with guard(tmp_path, cluster, namespace) as found:
        yield found


def test_the_honest_way_works(guarded: Guarded) -> None:
    plan = guarded.planned()
    guarded.applied(plan)
    assert guarded.shop.live("configmap", "settings")["data"] == {"colour": "red"}
    entry = next(e for e in guarded.shop.state.journal.entries() if e.event == "apply begun")
    assert entry.facts["approved_by"] == ["anna", "ben"]
    assert entry.facts["tickets"] == ["CHG-1"]
    for digest in entry.facts["approvals"]:
        assert b"airferry.approval/v1" in guarded.shop.state.kept("approval", digest)


def test_no_approval(guarded: Guarded) -> None:
    guarded.refused(guarded.planned(), because="0 did")
    assert guarded.shop.events()[-1] == "apply refused"


def test_one_approval(guarded: Guarded) -> None:
    plan = guarded.planned()
    guarded.refused(plan, guarded.approval(plan, "anna"), because="1 did")


def test_one_approval_given_twice(guarded: Guarded) -> None:
    plan = guarded.planned()
    anna = guarded.approval(plan, "anna")
    guarded.refused(plan, anna, anna, because="1 did")


def test_one_person_with_two_keys(guarded: Guarded) -> None:
    plan = guarded.planned()
    guarded.refused(plan, guarded.approval(plan, "anna"), guarded.approval(plan, "anna-2"))


def test_the_requester_approves(guarded: Guarded) -> None:
    plan = guarded.planned(asker="carl")
    approvals = guarded.approval(plan, "carl"), guarded.approval(plan, "anna")
    guarded.refused(plan, *approvals, because="carl asked for the plan and may not approve it")


def test_the_requester_approves_with_another_key(guarded: Guarded) -> None:
    plan = guarded.planned(asker="anna-2")
    guarded.refused(plan, guarded.approval(plan, "anna"), guarded.approval(plan, "ben"))


def test_the_request_is_left_away(guarded: Guarded) -> None:
    plan = guarded.planned(asker="")
    approvals = guarded.approval(plan, "anna"), guarded.approval(plan, "ben")
    guarded.refused(plan, *approvals, because="without a request")


def test_the_request_is_signed_by_a_stranger(guarded: Guarded) -> None:
    plan = guarded.planned(asker="mallory")
    approvals = guarded.approval(plan, "anna"), guarded.approval(plan, "ben")
    guarded.refused(plan, *approvals, because="gives to nobody")


def test_a_stranger_approves(guarded: Guarded) -> None:
    plan = guarded.planned()
    guarded.refused(plan, guarded.approval(plan, "anna"), guarded.approval(plan, "mallory"))


def test_an_approval_without_its_signature(guarded: Guarded) -> None:
    plan = guarded.planned()
    anna, ben = guarded.approval(plan, "anna"), guarded.approval(plan, "ben")
    requests.signature_path(ben).unlink()
    assert guarded.apply(plan, anna, ben).code == 13
    assert guarded.shop.live("configmap", "settings") is None


def test_a_signature_copied_from_another_approval(guarded: Guarded) -> None:
    plan = guarded.planned()
    anna, ben = guarded.approval(plan, "anna"), guarded.approval(plan, "ben")
    signature = requests.signature_path(anna).read_bytes()
    requests.signature_path(ben).write_bytes(signature)
    ben.write_bytes(ben.read_bytes().replace(b"CHG-1", b"CHG-2"))
    guarded.refused(plan, anna, ben, because="does not fit the file")


@pytest.mark.program("ssh-keygen")
def test_a_signature_made_for_another_purpose(guarded: Guarded) -> None:
    """Of the approval's very bytes, but as `git` makes it: under another namespace."""
    plan = guarded.planned()
    anna, ben = guarded.approval(plan, "anna"), guarded.approval(plan, "ben")
    signature = requests.signature_path(ben)
    signature.unlink()
    words = [find("ssh-keygen"), "-Y", "sign", "-n", "git", "-f", guarded.key("ben"), ben]
    subprocess.run(words, check=True, capture_output=True)
    assert signature.exists()
    guarded.refused(plan, anna, ben, because="namespace 'git'")


def test_a_ticket_that_does_not_fit(guarded: Guarded) -> None:
    plan = guarded.planned()
    approvals = guarded.approval(plan, "anna"), guarded.approval(plan, "ben", ticket="none")
    guarded.refused(plan, *approvals, because="does not fit 'CHG-[0-9]+'")


def test_approvals_of_another_plan(guarded: Guarded) -> None:
    harmless, other = guarded.planned("red"), guarded.planned("black")
    approvals = guarded.approval(harmless, "anna"), guarded.approval(harmless, "ben")
    guarded.refused(other, *approvals, because="it approves plan")


def test_a_plan_that_was_changed_after_it_was_approved(guarded: Guarded) -> None:
    path = guarded.planned()
    approvals = guarded.approval(path, "anna"), guarded.approval(path, "ben")
    plan = documents.decode(path.read_bytes(), Plan, name="plan", text="any")
    path.write_bytes(documents.encode(msgspec.structs.replace(plan, version="6.6.6")))
    guarded.refused(path, *approvals, because="asks for plan")


def test_an_approval_is_used_twice(guarded: Guarded) -> None:
    """A -> B -> A, then the old approvals of B again: the revision number moved."""
    guarded.applied(guarded.planned("red"))
    upgrade = guarded.planned("blue", "2.0.0")
    approvals = guarded.approval(upgrade, "anna"), guarded.approval(upgrade, "ben")
    assert guarded.apply(upgrade, *approvals).code == 0
    guarded.applied(guarded.planned("red", "1.0.1"))
    guarded.refused(upgrade, *approvals, because="used up")
    guarded.refused(upgrade, because="used up")


def test_an_approval_is_used_again_after_a_back_out(guarded: Guarded) -> None:
    guarded.applied(guarded.planned("red"))
    upgrade = guarded.planned("blue", "2.0.0")
    approvals = guarded.approval(upgrade, "anna"), guarded.approval(upgrade, "ben")
    assert guarded.apply(upgrade, *approvals).code == 0
    back = ("apply", "--backout", "-e", "staging", "--yes")
    assert installer("--state", guarded.shop.state.folder, *back).code == 0
    guarded.refused(upgrade, *approvals, because="used up")


def test_an_approval_is_used_again_from_a_fresh_state_folder(guarded: Guarded) -> None:
    plan = guarded.planned("red")
    approvals = guarded.approval(plan, "anna"), guarded.approval(plan, "ben")
    assert guarded.apply(plan, *approvals).code == 0
    guarded.applied(guarded.planned("blue", "2.0.0"))
    fresh = StateFolder.create(
        guarded.folder / "fresh", guarded.shop.state.site_path, trust.NOTHING
    )
    done = guarded.apply(plan, *approvals, state=fresh.folder)
    assert done.code == REFUSED
    assert "used up" in done.stderr
    assert guarded.shop.live("configmap", "settings")["data"] == {"colour": "blue"}


def test_the_site_says_that_there_is_no_policy(guarded: Guarded) -> None:
    guarded.applied(guarded.planned("red"))
    upgrade = guarded.planned("blue", "2.0.0")
    site = guarded.shop.state.site_path
    site.write_text(site.read_text().replace("policy: policy.json", "policy: none"))
    guarded.refused(upgrade, because="stays in force")


def test_the_policy_is_exchanged_for_a_loose_one(guarded: Guarded) -> None:
    guarded.applied(guarded.planned("red"))
    upgrade = guarded.planned("blue", "2.0.0")
    path = guarded.folder / "policy.json"
    old = documents.decode(path.read_bytes(), Policy, name="policy", cap=MAX_BYTES)
    loose = msgspec.structs.replace(
        old,
        version=2,
        previous=documents.digest_of(old),
        environments={"staging": Rule(people=1, requester_may_approve=True)},
    )
    path.write_bytes(documents.encode(loose))
    mallory = guarded.key("mallory")
    assert installer("policy", "sign", path, "--key", mallory).code == 0
    guarded.refused(upgrade, guarded.approval(upgrade, "anna"), because="nobody it knows")


def test_a_plan_made_under_an_older_policy(guarded: Guarded) -> None:
    plan = guarded.planned()
    approvals = guarded.approval(plan, "anna"), guarded.approval(plan, "ben")
    path = guarded.folder / "policy.json"
    old = documents.decode(path.read_bytes(), Policy, name="policy", cap=MAX_BYTES)
    strict = msgspec.structs.replace(
        old,
        version=2,
        previous=documents.digest_of(old),
        environments={"staging": Rule(people=3)},
    )
    path.write_bytes(documents.encode(strict))
    for name in ("anna", "dora"):
        assert installer("policy", "sign", path, "--key", guarded.key(name)).code == 0
    guarded.refused(plan, *approvals, because="was made under policy")
