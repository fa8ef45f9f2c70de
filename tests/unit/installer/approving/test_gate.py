from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from airferry_fixtures.people import plan_of, policy_of, signatory
from airferry_foundation import clock, documents
from airferry_foundation.errors import ApprovalError, DocumentError, SignatureError
from airferry_installer.approving.gate import decide
from airferry_installer.approving.policy import Rule
from airferry_installer.approving.requests import Signed, agree, ask
from airferry_installer.trust import Time

PLAN = plan_of()
TWO = policy_of({"anna": ["anna", "anna-2"], "ben": ["ben"], "carl": ["carl"]}, Rule(people=2))
ROLES = policy_of(
    {"anna": ["anna"], "ben": ["ben"], "carl": ["carl"], "dora": ["dora"]},
    Rule(people=2, roles={"ops": 1, "security": 1}),
    roles={"anna": ["ops", "security"], "ben": ["ops"], "carl": []},
)
REQUEST = signatory("carl").requests(PLAN)


def now(hours: int = 0) -> Time:
    return Time(datetime.now(UTC) + timedelta(hours=hours))


def test_without_a_policy_the_gate_is_open_and_says_so() -> None:
    approved = decide(PLAN, None, None, (), now())
    assert approved.without_policy
    assert approved.people == ()


def test_two_people_open_the_gate() -> None:
    approvals = [signatory("anna").approves(PLAN, "CHG-1"), signatory("ben").approves(PLAN)]
    approved = decide(PLAN, TWO, REQUEST, approvals, now())
    assert approved.people == ("anna", "ben")
    assert approved.requester == "carl"
    assert approved.tickets == ("CHG-1",)
    assert len(approved.approvals) == 2
    assert approved.plan == documents.digest_of(PLAN)


def test_one_person_is_too_few() -> None:
    with pytest.raises(ApprovalError, match="2 different people must approve, 1 did"):
        decide(PLAN, TWO, REQUEST, [signatory("anna").approves(PLAN)], now())


def test_no_approval_at_all_is_refused() -> None:
    with pytest.raises(ApprovalError, match="nothing was changed"):
        decide(PLAN, TWO, REQUEST, (), now())


def test_two_keys_of_one_person_are_one_person() -> None:
    approvals = [signatory("anna").approves(PLAN), signatory("anna-2").approves(PLAN)]
    with pytest.raises(ApprovalError, match="1 did"):
        decide(PLAN, TWO, REQUEST, approvals, now())


def test_the_requester_may_not_approve() -> None:
    approvals = [signatory("anna").approves(PLAN), signatory("carl").approves(PLAN)]
    with pytest.raises(ApprovalError, match="carl asked for the plan and may not approve it"):
        decide(PLAN, TWO, REQUEST, approvals, now())


def test_the_requester_may_approve_where_the_rule_says_so() -> None:
    policy = policy_of(
        {"anna": ["anna"], "ben": ["ben"]}, Rule(people=2, requester_may_approve=True)
    )
    approvals = [signatory("anna").approves(PLAN), signatory("ben").approves(PLAN)]
    assert (
        decide(PLAN, policy, signatory("anna").requests(PLAN), approvals, now()).requester == "anna"
    )
    assert decide(PLAN, policy, None, approvals, now()).requester is None


def test_without_a_request_nobody_can_tell_who_may_not_approve() -> None:
    approvals = [signatory("anna").approves(PLAN), signatory("ben").approves(PLAN)]
    with pytest.raises(ApprovalError, match="comes without a request"):
        decide(PLAN, TWO, None, approvals, now())


def test_a_request_for_another_plan_is_refused() -> None:
    request = signatory("carl").requests(plan_of("2.0.0"))
    with pytest.raises(ApprovalError, match="asks for plan"):
        decide(PLAN, TWO, request, (), now())


def test_a_request_by_a_stranger_is_refused() -> None:
    with pytest.raises(ApprovalError, match="gives to nobody"):
        decide(PLAN, TWO, signatory("mallory").requests(PLAN), (), now())


def test_a_stranger_does_not_count() -> None:
    approvals = [signatory("anna").approves(PLAN), signatory("mallory").approves(PLAN)]
    with pytest.raises(ApprovalError, match=r"not counted: .*gives to nobody"):
        decide(PLAN, TWO, REQUEST, approvals, now())


def test_what_does_not_count_is_told_when_the_rest_suffices() -> None:
    approvals = [signatory(who).approves(PLAN) for who in ("anna", "mallory", "ben")]
    approved = decide(PLAN, TWO, REQUEST, approvals, now())
    assert approved.people == ("anna", "ben")
    assert len(approved.ignored) == 1


@pytest.mark.parametrize(
    "other", [plan_of("2.0.0"), plan_of(revision=1), plan_of(environment="staging")]
)
def test_an_approval_of_another_plan_does_not_count(other: object) -> None:
    approvals = [signatory("anna").approves(PLAN), signatory("ben").approves(other)]  # type: ignore[arg-type] - parametrized
    with pytest.raises(ApprovalError, match="it approves plan"):
        decide(PLAN, TWO, REQUEST, approvals, now())


def test_an_approval_that_contradicts_its_own_plan_does_not_count() -> None:
    lying = msgspec.structs.replace(agree(PLAN), revision=7)
    approvals = [signatory("anna").approves(PLAN), signatory("ben").signs(lying)]
    with pytest.raises(ApprovalError, match="not the plan's"):
        decide(PLAN, TWO, REQUEST, approvals, now())


def test_a_changed_approval_does_not_count() -> None:
    signed = signatory("ben").approves(PLAN)
    changed = Signed("x", signed.document.replace(b"production", b"productiom"), signed.signature)
    with pytest.raises(ApprovalError, match="does not fit the file"):
        decide(PLAN, TWO, REQUEST, [signatory("anna").approves(PLAN), changed], now())


def test_a_request_is_no_approval() -> None:
    approvals = [signatory("anna").approves(PLAN), signatory("ben").requests(PLAN)]
    with pytest.raises(ApprovalError, match="has schema"):
        decide(PLAN, TWO, REQUEST, approvals, now())


def test_an_approval_is_no_request() -> None:
    with pytest.raises(DocumentError, match="has schema"):
        decide(PLAN, TWO, signatory("carl").approves(PLAN), (), now())


def test_a_damaged_request_signature_is_refused() -> None:
    with pytest.raises(SignatureError):
        decide(PLAN, TWO, Signed("r", REQUEST.document, b"nonsense"), (), now())


def test_an_environment_that_the_policy_does_not_name_allows_nothing() -> None:
    with pytest.raises(ApprovalError, match="no rule for environment 'staging'"):
        decide(plan_of(environment="staging"), TWO, REQUEST, (), now())


def test_the_policy_of_another_customer_decides_nothing() -> None:
    policy = msgspec.structs.replace(TWO, customer="other")
    with pytest.raises(ApprovalError, match="customer 'acme'"):
        decide(PLAN, policy, REQUEST, (), now())


def test_each_person_fills_one_place() -> None:
    request = signatory("dora").requests(PLAN)
    anna, ben, carl = (signatory(who).approves(PLAN) for who in ("anna", "ben", "carl"))
    assert decide(PLAN, ROLES, request, [anna, ben], now()).people == ("anna", "ben")
    with pytest.raises(ApprovalError, match=r"approved as ops|approved as security"):
        decide(PLAN, ROLES, request, [anna, carl], now())
    with pytest.raises(ApprovalError, match="approved as security"):
        decide(PLAN, ROLES, request, [ben, carl], now())


def test_a_ticket_must_fit_as_a_whole() -> None:
    policy = policy_of({"anna": ["anna"], "ben": ["ben"]}, Rule(people=1, ticket=r"CHG-\d+"))
    request = signatory("ben").requests(PLAN)
    anna = signatory("anna")
    assert decide(PLAN, policy, request, [anna.approves(PLAN, "CHG-12")], now()).people == ("anna",)
    for wrong in ("", "CHG-", "xCHG-1", "CHG-1 "):
        with pytest.raises(ApprovalError, match="ticket"):
            decide(PLAN, policy, request, [anna.approves(PLAN, wrong)], now())


def test_an_approval_grows_old_where_the_rule_says_so() -> None:
    policy = policy_of({"anna": ["anna"], "ben": ["ben"]}, Rule(people=1, valid_hours=24))
    request = signatory("ben").requests(PLAN)
    approvals = [signatory("anna").approves(PLAN)]
    assert decide(PLAN, policy, request, approvals, now(23))
    with pytest.raises(ApprovalError, match="holds 24 h"):
        decide(PLAN, policy, request, approvals, now(25))


def test_an_approval_from_the_future_does_not_count() -> None:
    ahead = msgspec.structs.replace(agree(PLAN), approved_at=clock.write(now(72).now))
    with pytest.raises(ApprovalError, match="yet to come"):
        decide(PLAN, TWO, REQUEST, [signatory("anna").signs(ahead)], now())


def test_an_approval_dated_with_no_date_does_not_count() -> None:
    wrong = msgspec.structs.replace(agree(PLAN), approved_at="2026-99-99T00:00:00Z")
    with pytest.raises(ApprovalError, match="is not a time"):
        decide(PLAN, TWO, REQUEST, [signatory("anna").signs(wrong)], now())


def test_a_justification_can_hold_no_escape_codes() -> None:
    with pytest.raises(DocumentError):
        signatory("anna").signs(agree(PLAN, justification="\x1b[31mred"))


def test_the_request_names_its_plan() -> None:
    request = ask(PLAN, justification="quarterly update")
    assert request.plan == documents.digest_of(PLAN)
    assert (request.environment, request.version) == ("production", "1.0.0")
