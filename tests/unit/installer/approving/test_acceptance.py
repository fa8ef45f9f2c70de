from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from airferry_fixtures.people import key_of, policy_of
from airferry_foundation import documents
from airferry_foundation.errors import ApprovalError, InputError, MissingInputError
from airferry_installer.approving.acceptance import in_force
from airferry_installer.approving.policy import Policy, Rule
from airferry_installer.state import StateFolder
from airferry_signing import sshsig

POLICY = policy_of({"anna": ["anna"], "ben": ["ben"]}, Rule(people=1))


def name_policy(site_file: Path, policy: str = "policy.json") -> None:
    lines = [line for line in site_file.read_text().splitlines() if "policy:" not in line]
    site_file.write_text("\n".join([*lines, f"policy: {policy}", ""]))


def write(site_file: Path, policy: Policy, *signers: str) -> None:
    path = site_file.with_name("policy.json")
    path.write_bytes(documents.encode(policy))
    for number, seed in enumerate(signers, 1):
        signature = sshsig.sign(documents.encode(policy), key_of(seed))
        path.with_name(f"policy.json.{number}.sig").write_bytes(signature)


def events(state: StateFolder) -> list[str]:
    return [e.event for e in state.journal.entries() if e.event.startswith("policy")]


def test_a_site_without_a_policy_says_so_in_the_journal(state: StateFolder) -> None:
    assert in_force(state).policy is None
    assert in_force(state).digest is None
    assert events(state) == ["policy accepted"]


def test_the_first_policy_is_accepted_once(state: StateFolder, site_file: Path) -> None:
    name_policy(site_file)
    write(site_file, POLICY)
    assert in_force(state).policy == POLICY
    assert in_force(state).digest == documents.digest_of(POLICY)
    assert events(state) == ["policy accepted"]


def test_a_policy_may_come_after_none(state: StateFolder, site_file: Path) -> None:
    in_force(state)
    name_policy(site_file)
    write(site_file, POLICY)
    assert in_force(state).policy == POLICY


def test_an_accepted_policy_can_not_be_dropped(state: StateFolder, site_file: Path) -> None:
    name_policy(site_file)
    write(site_file, POLICY)
    in_force(state)
    name_policy(site_file, "none")
    with pytest.raises(ApprovalError, match="stays in force"):
        in_force(state)


def test_another_policy_needs_signatures(state: StateFolder, site_file: Path) -> None:
    name_policy(site_file)
    write(site_file, POLICY)
    in_force(state)
    new = msgspec.structs.replace(POLICY, version=2, previous=documents.digest_of(POLICY))
    write(site_file, new)
    with pytest.raises(ApprovalError, match="demands 1"):
        in_force(state)
    write(site_file, new, "ben")
    assert in_force(state).policy == new
    assert events(state) == ["policy accepted", "policy changed"]
    write(site_file, POLICY, "anna", "ben")
    with pytest.raises(ApprovalError, match="version 2 is in force"):
        in_force(state)


def test_the_policy_of_another_customer_is_refused(state: StateFolder, site_file: Path) -> None:
    name_policy(site_file)
    write(site_file, msgspec.structs.replace(POLICY, customer="other"))
    with pytest.raises(InputError, match="policy of 'other'"):
        in_force(state)


def test_a_missing_policy_file_is_named(state: StateFolder, site_file: Path) -> None:
    name_policy(site_file)
    with pytest.raises(MissingInputError, match=r"policy\.json"):
        in_force(state)
