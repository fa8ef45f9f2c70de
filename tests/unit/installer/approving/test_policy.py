from __future__ import annotations

import msgspec
import pytest

from airferry_fixtures.people import key_of, policy_of
from airferry_foundation import documents
from airferry_foundation.errors import ApprovalError, DocumentError
from airferry_installer.approving.policy import Person, Policy, Rule, judge_successor, owners, read
from airferry_signing import sshsig

POLICY = policy_of(
    {"anna": ["anna", "anna-2"], "ben": ["ben"], "carl": ["carl"]}, Rule(people=2), change=2
)


def encoded(policy: Policy) -> bytes:
    return documents.encode(policy)


def successor(policy: Policy, **changes: object) -> Policy:
    fields = {"version": policy.version + 1, "previous": documents.digest_of(policy), **changes}
    return msgspec.structs.replace(policy, **fields)


def signed_by(data: bytes, *seeds: str) -> list[bytes]:
    return [sshsig.sign(data, key_of(seed)) for seed in seeds]


def test_a_policy_reads_back_as_it_was_written() -> None:
    assert read(encoded(POLICY), name="p") == POLICY


def test_every_key_has_one_owner() -> None:
    assert owners(POLICY)[key_of("anna-2").public.key_id] == "anna"
    assert len(owners(POLICY)) == 4


def test_one_key_under_two_people_is_refused() -> None:
    policy = policy_of({"anna": ["x"], "ben": ["x"], "carl": ["carl"]}, Rule(people=1))
    with pytest.raises(DocumentError, match="is anna's already"):
        read(encoded(policy), name="p")


def test_every_mistake_is_listed() -> None:
    policy = policy_of({"anna": ["anna"]}, Rule(people=3, ticket="(", roles={"ops": 1}), change=4)
    with pytest.raises(DocumentError) as caught:
        read(encoded(policy), name="p")
    for part in ("change: 4", "3 people must approve", "role 'ops'", "is not a pattern"):
        assert part in caught.value.message


def test_the_requester_is_not_among_those_who_can_approve() -> None:
    alone = policy_of({"anna": ["anna"], "ben": ["ben"]}, Rule(people=2))
    with pytest.raises(DocumentError, match="only 1 besides the requester"):
        read(encoded(alone), name="p")


def test_a_person_without_a_key_is_refused() -> None:
    people = {**POLICY.people, "dora": Person(keys=())}
    with pytest.raises(DocumentError, match="dora has no key"):
        read(encoded(msgspec.structs.replace(POLICY, people=people)), name="p")


def test_a_key_of_another_kind_is_refused() -> None:
    people = {**POLICY.people, "dora": Person(keys=("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==",))}
    with pytest.raises(DocumentError, match=r"people.dora"):
        read(encoded(msgspec.structs.replace(POLICY, people=people)), name="p")


def test_a_successor_signed_by_enough_people_is_accepted() -> None:
    new = encoded(successor(POLICY, change=1))
    assert judge_successor(encoded(POLICY), new, signed_by(new, "anna", "ben")).version == 2


@pytest.mark.parametrize("seeds", [(), ("anna",), ("anna", "anna-2"), ("anna", "mallory")])
def test_a_successor_signed_by_too_few_people_is_refused(seeds: tuple[str, ...]) -> None:
    new = encoded(successor(POLICY, change=1))
    with pytest.raises(ApprovalError, match="demands 2 different people"):
        judge_successor(encoded(POLICY), new, signed_by(new, *seeds))


def test_a_signature_of_another_policy_counts_for_nobody() -> None:
    new, other = encoded(successor(POLICY, change=1)), encoded(successor(POLICY, change=2))
    with pytest.raises(ApprovalError, match="demands 2"):
        judge_successor(encoded(POLICY), new, signed_by(other, "anna", "ben"))


def test_a_policy_never_goes_back() -> None:
    new = successor(POLICY)
    with pytest.raises(ApprovalError, match="version 1; version 2 is in force"):
        judge_successor(encoded(new), encoded(POLICY), signed_by(encoded(POLICY), "anna", "ben"))


@pytest.mark.parametrize("changes", [{"version": 3}, {"previous": documents.digest_of(["x"])}])
def test_a_successor_follows_the_policy_in_force(changes: dict[str, object]) -> None:
    new = encoded(successor(POLICY, **changes))
    with pytest.raises(ApprovalError, match="does not follow"):
        judge_successor(encoded(POLICY), new, signed_by(new, "anna", "ben"))


def test_a_successor_stays_with_its_customer() -> None:
    new = encoded(successor(POLICY, customer="other"))
    with pytest.raises(ApprovalError, match="customer 'other'"):
        judge_successor(encoded(POLICY), new, signed_by(new, "anna", "ben"))


NIGHT = {"days": ["mon"], "from": "22:00", "to": "04:00", "zone": "Europe/Berlin"}


def timed(**fields: object) -> bytes:
    """A policy whose rule has these further fields, as a file has them."""
    plain = msgspec.to_builtins(POLICY)
    plain["environments"]["production"] |= fields
    return documents.encode(plain)


def test_a_rule_may_say_when() -> None:
    policy = read(timed(windows=[NIGHT], backout_grace=60), name="p")
    rule = policy.rule("production")
    assert rule.calendar is not None
    assert rule.calendar.windows[0].from_ == "22:00"
    assert rule.backout_grace == 60
    assert POLICY.rule("production").calendar is None


def test_a_policy_that_says_nothing_of_time_is_written_as_ever() -> None:
    for word in (b"windows", b"freezes", b"minutes", b"grace"):
        assert word not in encoded(POLICY)


def test_a_zone_that_nobody_knows_is_listed() -> None:
    wrong = [{**NIGHT, "zone": "Europe/Berln"}, NIGHT, {**NIGHT, "zone": "Moon/Tranquility"}]
    with pytest.raises(DocumentError) as caught:
        read(timed(windows=wrong), name="p")
    assert "environments.production: windows[0]: 'Europe/Berln'" in caught.value.message
    assert "windows[2]: 'Moon/Tranquility'" in caught.value.message


@pytest.mark.parametrize(
    "wrong",
    [{"days": []}, {"days": ["monday"]}, {"from": "25:00"}, {"zone": "../x"}, {"until": "04:00"}],
)
def test_what_is_no_window(wrong: dict[str, object]) -> None:
    with pytest.raises(DocumentError):
        read(timed(windows=[{**NIGHT, **wrong}]), name="p")
