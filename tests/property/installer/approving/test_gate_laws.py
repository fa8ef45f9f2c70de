"""Laws of the gate, over many sets of approvals."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airferry_fixtures.people import plan_of, policy_of, signatory
from airferry_foundation.errors import ApprovalError
from airferry_installer.approving.gate import decide
from airferry_installer.approving.policy import Rule
from airferry_installer.approving.requests import Signed
from airferry_installer.trust import Time

PEOPLE = {name: [name, f"{name}-2", f"{name}-3"] for name in ("anna", "ben", "carl", "dora", "eve")}
SEEDS = [seed for seeds in PEOPLE.values() for seed in seeds]
PLAN = plan_of()
OTHERS = [plan_of("2.0.0"), plan_of(revision=1), plan_of("1.0.0", environment="staging")]
NOW = Time(datetime.now(UTC))

# Signing is slow and pure: every signature that a law may need is made once.
GOOD = {seed: signatory(seed).approves(PLAN) for seed in SEEDS}
WRONG = [signatory(seed).approves(other) for seed in SEEDS[::3] for other in OTHERS]
FORGED = [Signed("forged", GOOD["anna"].document, signatory("mallory").approves(PLAN).signature)]
REQUESTS = {seed: signatory(seed).requests(PLAN) for seed in SEEDS}

seeds = st.sampled_from(SEEDS)
junk = st.lists(st.sampled_from([*WRONG, *FORGED, signatory("mallory").approves(PLAN)]), max_size=5)


def person(seed: str) -> str:
    return seed.partition("-")[0]


def rule(people: int, *, requester: bool = False) -> Rule:
    return Rule(people=people, requester_may_approve=requester)


@given(st.lists(seeds, max_size=8), junk, seeds, st.integers(1, 4))
def test_the_gate_opens_exactly_when_enough_others_agree(
    given_by: list[str], more: list[Signed], asker: str, people: int
) -> None:
    policy = policy_of(PEOPLE, rule(people))
    approvals = [*more, *(GOOD[seed] for seed in given_by)]
    agreeing = {person(seed) for seed in given_by} - {person(asker)}
    if len(agreeing) >= people:
        approved = decide(PLAN, policy, REQUESTS[asker], approvals, NOW)
        assert set(approved.people) == agreeing
    else:
        with pytest.raises(ApprovalError):
            decide(PLAN, policy, REQUESTS[asker], approvals, NOW)


@given(st.sampled_from(sorted(PEOPLE)), st.data(), st.booleans())
def test_no_set_of_approvals_by_one_person_passes(
    name: str, data: st.DataObject, requester: bool
) -> None:
    own = data.draw(st.lists(st.sampled_from(PEOPLE[name]), max_size=6))
    policy = policy_of(PEOPLE, rule(2, requester=requester))
    request = REQUESTS[data.draw(seeds)]
    with pytest.raises(ApprovalError):
        decide(PLAN, policy, request, [GOOD[seed] for seed in own], NOW)


@given(st.sampled_from(sorted(PEOPLE)), st.data())
def test_no_set_of_approvals_by_the_requester_passes(name: str, data: st.DataObject) -> None:
    own = data.draw(st.lists(st.sampled_from(PEOPLE[name]), max_size=6))
    asker = data.draw(st.sampled_from(PEOPLE[name]))
    policy = policy_of(PEOPLE, rule(1))
    with pytest.raises(ApprovalError):
        decide(PLAN, policy, REQUESTS[asker], [GOOD[seed] for seed in own], NOW)


@given(st.lists(st.sampled_from(WRONG), max_size=15), seeds, st.integers(1, 4))
def test_no_set_of_approvals_for_other_plans_passes(
    approvals: list[Signed], asker: str, people: int
) -> None:
    with pytest.raises(ApprovalError):
        decide(PLAN, policy_of(PEOPLE, rule(people)), REQUESTS[asker], approvals, NOW)


@given(seeds, seeds, st.data())
def test_no_flipped_byte_of_an_approval_passes(by: str, asker: str, data: st.DataObject) -> None:
    signed = GOOD[by]
    place = data.draw(st.integers(0, len(signed.document) - 1))
    flipped = bytearray(signed.document)
    flipped[place] ^= data.draw(st.integers(1, 255))
    changed = Signed("flipped", bytes(flipped), signed.signature)
    with pytest.raises(ApprovalError):
        decide(PLAN, policy_of(PEOPLE, rule(1)), REQUESTS[asker], [changed], NOW)
