"""From a state folder and files to the gate's answer: what `apply` asks before anything else."""

from __future__ import annotations

from collections.abc import Sequence

from airferry_foundation import clock, digests
from airferry_foundation.errors import ApprovalError
from airferry_installer.approving import gate
from airferry_installer.approving.acceptance import InForce, in_force
from airferry_installer.approving.gate import Approved
from airferry_installer.approving.requests import Signed
from airferry_installer.planning.plan import Plan
from airferry_installer.state.folder import StateFolder


def permit(
    state: StateFolder, plan: Plan, request: Signed | None, approvals: Sequence[Signed]
) -> Approved:
    """The gate's answer under the policy in force; a refusal is journalled before it is raised."""
    force = in_force(state)
    try:
        _check_policy(plan, force)
        return gate.decide(plan, force.policy, request, approvals, clock.now())
    except ApprovalError as error:
        state.journal.append(
            "apply refused",
            environment=plan.environment,
            product=plan.product,
            version=plan.version,
            reason=error.message.splitlines()[0][:500],
        )
        raise


def _check_policy(plan: Plan, force: InForce) -> None:
    """People saw the plan's policy when they approved it; another one may demand more."""
    if plan.policy is not None and plan.policy != force.digest:
        found = "none" if force.digest is None else digests.short(force.digest)
        raise ApprovalError(
            f"the plan was made under policy {digests.short(plan.policy)}; in force is {found}",
            "Make a new plan and have it approved.",
        )
