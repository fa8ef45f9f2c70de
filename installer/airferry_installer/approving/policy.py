"""policy.json: who may let a plan be applied, and how many of them it takes.

The policy belongs to the customer and is a document of its own, apart from site.yaml. The first one
is accepted when the state folder is made (or first used), and journalled; a later one must name its
predecessor and be signed by as many people as the predecessor demands for that. It never goes back.

Rules grow by new fields with a default: an older document stays readable, and an installer that
does not know a rule refuses the document instead of ignoring the rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from airferry_archive.release import Line, Name
from airferry_foundation import documents
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import ApprovalError, DocumentError, SignatureError
from airferry_foundation.grammar import whole
from airferry_installer.approving import windows
from airferry_installer.approving.windows import Calendar
from airferry_signing import sshsig

SCHEMA = "airferry.policy/v1"
MAX_BYTES = 1 << 20

Count = Annotated[int, msgspec.Meta(ge=1, le=100)]
KeyLine = Annotated[str, whole(r"^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*$", max_length=1000)]
"""An SSH public key as `<kind> <base64>`, without a comment."""


class Person(Document, frozen=True, kw_only=True):
    """One person: several keys are still one person."""

    keys: tuple[KeyLine, ...]
    roles: tuple[Name, ...] = ()


class Rule(Calendar, frozen=True, kw_only=True):
    """What a change of one environment takes, and when it may begin.

    `people` counts different people; `roles` says how many of them each role must supply, and one
    person fills one place. `ticket` is a pattern that the whole ticket must fit.
    """

    people: Count
    roles: dict[Name, Count] = msgspec.field(default_factory=dict)
    requester_may_approve: bool = False
    ticket: Line | None = None
    valid_hours: Annotated[int, msgspec.Meta(ge=0, le=87_600)] = 0
    """How long an approval holds, in hours; 0 means: until it is used."""
    backout_grace: Annotated[int, msgspec.Meta(ge=0, le=10_080)] | None = None
    """Until how many minutes after the window a change may be backed out; None: at any time."""

    @property
    def calendar(self) -> Calendar | None:
        """When a change may begin; None if that is not ruled."""
        calendar = Calendar(
            windows=self.windows, freezes=self.freezes, expected_minutes=self.expected_minutes
        )
        return calendar if calendar != Calendar() else None


class Policy(Document, frozen=True, kw_only=True):
    """A customer's policy."""

    schema: Literal["airferry.policy/v1"]
    customer: Name
    version: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    previous: Digest | None = None
    people: dict[Name, Person]
    change: Count
    """How many people must sign the policy that follows this one."""
    environments: dict[Name, Rule]

    def rule(self, environment: str) -> Rule:
        """The rule of an environment; ApprovalError where there is none: nothing is allowed."""
        try:
            return self.environments[environment]
        except KeyError:
            known = ", ".join(self.environments) or "none"
            raise ApprovalError(
                f"the policy has no rule for environment {environment!r}; it has: {known}",
                "Nobody can approve there until a signed policy names it: policy init, policy sign",
            ) from None


def read(data: bytes, *, name: str) -> Policy:
    """A policy, checked for what a schema can't say; DocumentError with every problem."""
    policy = documents.decode(data, Policy, name=name, cap=MAX_BYTES)
    problems = list(_problems(policy))
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise DocumentError(f"{name} can't be used as a policy:\n{listed}")
    return policy


def owners(policy: Policy) -> dict[str, str]:
    """Key id -> person."""
    return {
        sshsig.read_public(line, name=f"a key of {person}").key_id: person
        for person, described in policy.people.items()
        for line in described.keys
    }


def signers(policy: Policy, document: bytes, signatures: Iterable[bytes]) -> frozenset[str]:
    """The people of a policy who signed a document; what is no signature of theirs is nobody's."""
    return frozenset(_signers(owners(policy), document, signatures))


def judge_successor(current: bytes, offered: bytes, signatures: Iterable[bytes]) -> Policy:
    """The offered policy, if it may follow the current one; ApprovalError otherwise."""
    old, new = read(current, name="the policy in force"), read(offered, name="the new policy")
    if new.version <= old.version:
        raise ApprovalError(
            f"the policy has version {new.version}; version {old.version} is in force",
            "A policy never goes back. Give the newest policy.json.",
        )
    if new.version != old.version + 1 or new.previous != documents.digest_of(old):
        raise ApprovalError(
            f"policy version {new.version} does not follow version {old.version} that is in force",
            "Its `version` must be one more, its `previous` the digest that `policy show` prints.",
        )
    if new.customer != old.customer:
        raise ApprovalError(f"the policy is of customer {new.customer!r}, not {old.customer!r}")
    signed = _signers(owners(old), offered, signatures)
    if len(signed) < old.change:
        raise ApprovalError(
            f"the new policy is signed by {_listed(signed)}; the one in force demands {old.change} "
            "different people",
            "Each of them: airferry-installer policy sign policy.json --key KEY",
        )
    return new


def _signers(known: Mapping[str, str], document: bytes, signatures: Iterable[bytes]) -> set[str]:
    people: set[str] = set()
    for number, signature in enumerate(signatures, 1):
        try:
            key = sshsig.verify(document, signature, name=f"signature {number} of the policy")
        except SignatureError:
            continue  # it counts for nobody, and the count is what decides
        if key.key_id in known:
            people.add(known[key.key_id])
    return people


def _listed(people: Iterable[str]) -> str:
    return ", ".join(sorted(people)) or "nobody it knows"


def _problems(policy: Policy) -> Iterator[str]:
    yield from _key_problems(policy)
    if policy.change > len(policy.people):
        yield f"change: {policy.change} people are demanded, it has {len(policy.people)}"
    for environment, rule in policy.environments.items():
        for text in _rule_problems(policy, rule):
            yield f"environments.{environment}: {text}"


def _key_problems(policy: Policy) -> Iterator[str]:
    seen: dict[str, str] = {}
    for person, described in policy.people.items():
        if not described.keys:
            yield f"people.{person} has no key"
        for line in described.keys:
            try:
                key = sshsig.read_public(line, name=f"people.{person}: a key")
            except SignatureError as error:
                yield error.message
                continue
            if key.key_id in seen:
                yield f"people.{person}: key {key.key_id} is {seen[key.key_id]}'s already"
            seen[key.key_id] = person


def _rule_problems(policy: Policy, rule: Rule) -> Iterator[str]:
    demanded = max(rule.people, sum(rule.roles.values()))
    able = len(policy.people) - (0 if rule.requester_may_approve else 1)
    if demanded > able:
        besides = "" if rule.requester_may_approve else " besides the requester"
        yield f"{demanded} people must approve, but there are only {max(able, 0)}{besides}"
    for role, count in rule.roles.items():
        holders = sum(role in person.roles for person in policy.people.values())
        if holders < count:
            yield f"role {role!r} must supply {count}, but {holders} hold it"
    yield from windows.problems(rule)
    if rule.ticket is not None:
        try:
            re.compile(rule.ticket)
        except re.error as error:
            yield f"ticket: {rule.ticket!r} is not a pattern: {error}"
