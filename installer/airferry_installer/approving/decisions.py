"""Decisions that people sign beside a policy: `init --repin`, `clock accept`.

Such a document says what was and what is to be; it takes as many people as the policy in force
demands for changing itself. Their signatures lie beside it, as those of a policy do.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from airferry_foundation.documents import Document
from airferry_foundation.errors import ApprovalError
from airferry_installer.approving import acceptance
from airferry_installer.approving import policy as policies
from airferry_installer.approving.policy import Policy


def expect_same(path: Path, said: Document, expected: Document, fields: Iterable[str]) -> None:
    """ApprovalError unless a decision is the one that is to be made here and now."""
    for field in fields:
        found, wanted = getattr(said, field), getattr(expected, field)
        if found != wanted:
            raise ApprovalError(
                f"{path} decides on another {field}: {found}, expected {wanted}",
                "Move it away, and give the same command again to write the right one.",
            )


def expect_signed(path: Path, data: bytes, policy: Policy) -> tuple[str, ...]:
    """Who signed a decision, if they are enough; ApprovalError otherwise."""
    signed = policies.signers(policy, data, acceptance.signatures_beside(path))
    if len(signed) < policy.change:
        raise ApprovalError(
            f"{path} is signed by {', '.join(sorted(signed)) or 'nobody whom the policy knows'}; "
            f"the policy in force demands {policy.change} different people",
            f"Each of them: airferry-installer policy sign {path} --key KEY",
        )
    return tuple(sorted(signed))
