"""From a state folder and files to the gate's answer: what `apply` asks before anything else.

A refusal is journalled before it is raised.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from airferry_foundation import digests
from airferry_foundation.errors import ApprovalError
from airferry_installer.approving import gate, timing
from airferry_installer.approving.acceptance import InForce, accepted_rule, in_force
from airferry_installer.approving.gate import Approved
from airferry_installer.approving.requests import Signed
from airferry_installer.planning.plan import Plan
from airferry_installer.state.folder import StateFolder


def permit(
    state: StateFolder, plan: Plan, request: Signed | None, approvals: Sequence[Signed]
) -> Approved:
    """The gate's answer under the policy in force."""
    force = in_force(state)
    with _journalled(state, "apply refused", _about(plan)):
        _check_policy(plan, force)
        return gate.decide(plan, force.policy, request, approvals, state.now())


def expect_open(state: StateFolder, plan: Plan) -> None:
    """ApprovalError where a change that was begun may not go on now: its window has ended."""
    calendar = in_force(state).calendar(plan.environment)
    with _journalled(state, "apply refused", _about(plan)):
        timing.expect_open(plan.environment, calendar, state.now())


def expect_backout(state: StateFolder, environment: str, product: str) -> None:
    """ApprovalError where the policy that was accepted ends back-outs, and its time is over."""
    rule = accepted_rule(state, environment)
    if rule is None or rule.calendar is None or rule.backout_grace is None:
        return
    about = {"environment": environment, "product": product}
    with _journalled(state, "back-out refused", about):
        timing.expect_backout(environment, rule.calendar, rule.backout_grace, state.now())


@contextmanager
def _journalled(state: StateFolder, event: str, about: dict[str, str]) -> Iterator[None]:
    try:
        yield
    except ApprovalError as error:
        state.journal.append(event, **about, reason=error.message.splitlines()[0][:500])
        raise


def _about(plan: Plan) -> dict[str, str]:
    return {
        "environment": plan.environment,
        "product": plan.product,
        "version": plan.version,
    }


def _check_policy(plan: Plan, force: InForce) -> None:
    """People saw the plan's policy when they approved it; another one may demand more."""
    if plan.policy is not None and plan.policy != force.digest:
        found = "none" if force.digest is None else digests.short(force.digest)
        raise ApprovalError(
            f"the plan was made under policy {digests.short(plan.policy)}; in force is {found}",
            "Make a new plan and have it approved.",
        )
    if plan.policy is not None and plan.calendar != force.calendar(plan.environment):
        raise ApprovalError(
            "the plan shows other windows than the policy has; nothing was changed",
            "Make a new plan and have it approved.",
        )
