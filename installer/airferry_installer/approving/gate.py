"""The one gate before a cluster is touched: a pure decision over documents.

People are counted, never keys or signatures: two approvals by one person are one. An approval that
does not count is listed with its reason; only what counts decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from airferry_foundation import clock, digests, documents
from airferry_foundation.errors import ApprovalError, DocumentError, InputError, SignatureError
from airferry_installer.approving import timing
from airferry_installer.approving.policy import Policy, Rule, owners
from airferry_installer.approving.requests import MAX_BYTES, Approval, Request, Signed
from airferry_installer.planning.plan import Plan
from airferry_installer.trust import Time
from airferry_signing import sshsig

_CLOCKS_APART = timedelta(hours=25)
"""How far ahead of this machine's clock an approver's may be."""


@dataclass(frozen=True, slots=True)
class Approved:
    """The gate is open. `without_policy` must be shown loudly, and so must `ignored`."""

    plan: str
    people: tuple[str, ...] = ()
    requester: str | None = None
    tickets: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    """Digests of the approval documents that counted."""
    ignored: tuple[str, ...] = ()
    without_policy: bool = False
    closes: str | None = None
    """When the window ends in which it may begin; None where no end is in sight."""


@dataclass(frozen=True, slots=True)
class _Counted:
    person: str
    ticket: str
    digest: str


def decide(
    plan: Plan,
    policy: Policy | None,
    request: Signed | None,
    approvals: Sequence[Signed],
    time: Time,
) -> Approved:
    """Approved, or ApprovalError with everything that is missing. `policy` None: no policy."""
    digest = documents.digest_of(plan)
    if policy is None:
        return Approved(digest, without_policy=True)
    if policy.customer != plan.customer:
        raise ApprovalError(
            f"the plan is of customer {plan.customer!r}, the policy of {policy.customer!r}"
        )
    rule, known = policy.rule(plan.environment), owners(policy)
    requester = _requester(digest, known, request, rule)
    barred = None if rule.requester_may_approve else requester
    counted: dict[str, _Counted] = {}
    ignored: list[str] = []
    for signed in approvals:
        try:
            person = _approver(known, signed, barred)
            one = _count(plan, digest, person, rule, signed, time)
        except (ApprovalError, SignatureError, DocumentError) as error:
            ignored.append(f"{signed.name}: {error.message}")
        else:
            counted.setdefault(person, one)
    missing = _missing(rule, policy, frozenset(counted))
    if missing:
        raise ApprovalError(_refusal(plan, missing, counted, ignored), _hint(rule))
    return Approved(
        digest,
        people=tuple(sorted(counted)),
        requester=requester,
        tickets=tuple(sorted({c.ticket for c in counted.values() if c.ticket})),
        approvals=tuple(sorted(c.digest for c in counted.values())),
        ignored=tuple(ignored),
        closes=timing.expect_open(plan.environment, rule.calendar, time),
    )


def _requester(
    digest: str, known: Mapping[str, str], request: Signed | None, rule: Rule
) -> str | None:
    """The person who asked; needed wherever the requester may not approve."""
    if request is None:
        if rule.requester_may_approve:
            return None
        raise ApprovalError(
            "the plan comes without a request, so nobody can tell who may not approve it",
            "airferry-installer request plan.json --key KEY, and keep its files beside plan.json.",
        )
    person = _signer(known, request)
    asked = documents.decode(request.document, Request, name=request.name, cap=MAX_BYTES)
    if asked.plan != digest:
        raise ApprovalError(
            f"{request.name} asks for plan {digests.short(asked.plan)}, this is plan "
            f"{digests.short(digest)}",
            "Ask for this plan: airferry-installer request plan.json --key KEY",
        )
    return person


def _signer(known: Mapping[str, str], signed: Signed) -> str:
    key = sshsig.verify(signed.document, signed.signature, name=f"{signed.name}.sig")
    if key.key_id not in known:
        raise ApprovalError(
            f"{signed.name} is signed by {key.key_id}, a key that the policy gives to nobody"
        )
    return known[key.key_id]


def _approver(known: Mapping[str, str], signed: Signed, barred: str | None) -> str:
    person = _signer(known, signed)
    if person == barred:
        raise ApprovalError(f"{person} asked for the plan and may not approve it")
    return person


def _count(
    plan: Plan, digest: str, person: str, rule: Rule, signed: Signed, time: Time
) -> _Counted:
    approval = documents.decode(signed.document, Approval, name=signed.name, cap=MAX_BYTES)
    if approval.plan != digest:
        raise ApprovalError(
            f"it approves plan {digests.short(approval.plan)}, this is plan {digests.short(digest)}"
        )
    said = (approval.customer, approval.environment, approval.product, approval.revision)
    if said != (plan.customer, plan.environment, plan.product, plan.revision):
        raise ApprovalError("its environment, product or revision is not the plan's")
    if rule.ticket is not None and not re.fullmatch(rule.ticket, approval.ticket):
        raise ApprovalError(f"its ticket {approval.ticket!r} does not fit {rule.ticket!r}")
    _check_age(approval, rule, time)
    return _Counted(person, approval.ticket, digests.digest(signed.document))


def _check_age(approval: Approval, rule: Rule, time: Time) -> None:
    """A time that is only claimed makes an approval older, and none come true."""
    try:
        made = clock.read(approval.approved_at)
    except InputError as error:
        raise ApprovalError(error.message) from None
    if made - time.now > _CLOCKS_APART:
        raise ApprovalError(f"it is dated {approval.approved_at}, which is yet to come")
    if rule.valid_hours and time.latest - made > timedelta(hours=rule.valid_hours):
        raise ApprovalError(
            f"it was given {clock.age(made, time.latest)} ago and holds {rule.valid_hours} h"
        )


def _missing(rule: Rule, policy: Policy, people: frozenset[str]) -> str:
    """What is still missing, '' when nothing is."""
    if len(people) < rule.people:
        return f"{rule.people} different people must approve, {len(people)} did"
    places = [role for role, count in sorted(rule.roles.items()) for _ in range(count)]
    unfilled = _unfilled(places, {p: frozenset(policy.people[p].roles) for p in people})
    return f"nobody (else) approved as {', '.join(unfilled)}" if unfilled else ""


def _unfilled(places: Sequence[str], roles: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """The places left over when each person fills at most one (bipartite matching)."""
    seated: dict[str, int] = {}

    def seat(place: int, tried: set[str]) -> bool:
        for person in sorted(roles):
            if places[place] in roles[person] and person not in tried:
                tried.add(person)
                if person not in seated or seat(seated[person], tried):
                    seated[person] = place
                    return True
        return False

    return tuple(places[place] for place in range(len(places)) if not seat(place, set()))


def _refusal(
    plan: Plan, missing: str, counted: Mapping[str, _Counted], ignored: Iterable[str]
) -> str:
    what = f"the plan for {plan.product} {plan.version} on {plan.environment}"
    lines = [
        f"{what} is not approved: {missing}; nothing was changed",
        f"  counted: {', '.join(sorted(counted)) or 'nobody'}",
        *(f"  not counted: {reason}" for reason in ignored),
    ]
    return "\n".join(lines)


def _hint(rule: Rule) -> str:
    ticket = " --ticket T" if rule.ticket is not None else ""
    return (
        f"airferry-installer approve plan.json --key KEY{ticket} -o approval.json, then "
        "apply plan.json --approval approval.json"
    )
