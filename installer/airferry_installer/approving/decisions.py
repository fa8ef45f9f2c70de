"""Decisions that people sign beside a policy: `init --repin`, `clock accept`.

Such a document says what was and what is to be; it takes as many people as the policy in force
demands for changing itself. Their signatures lie beside it, as those of a policy do. Without a
policy whoever holds the state folder decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from airferry_foundation import documents, files
from airferry_foundation.documents import Document
from airferry_foundation.errors import ApprovalError
from airferry_installer.approving import acceptance
from airferry_installer.approving import policy as policies
from airferry_installer.approving.acceptance import InForce
from airferry_installer.approving.policy import Policy

MAX_BYTES = 64 << 10

Said = TypeVar("Said", bound=Document)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A decision that was written, and how many people are to sign it."""

    path: Path
    demanded: int


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision that holds: its bytes, and who signed it; neither where there is no policy."""

    document: bytes | None = None
    people: tuple[str, ...] = ()


def take(
    path: Path,
    force: InForce,
    wanted: Said,
    fields: Iterable[str],
    *,
    confirm: Callable[[], None],
    check: Callable[[Said], None] = lambda _said: None,
) -> Taken | Waiting:
    """The decision in a file, if it is the `wanted` one as far as `fields` go and enough signed it.

    Where there is none it is written. `confirm` asks the person where there is no policy, and does
    not return after a no; `check` may refuse what was decided. ApprovalError if it does not hold.
    """
    if force.policy is None:
        confirm()
        return Taken()
    if not path.exists():
        files.write_new(path, documents.encode(wanted))
        return Waiting(path, force.policy.change)
    data = files.read_capped(path, MAX_BYTES)
    said = read(data, type(wanted), name=str(path))
    _expect_same(path, said, wanted, fields)
    check(said)
    return Taken(data, _expect_signed(path, data, force.policy))


def read(data: bytes, kind: type[Said], *, name: str) -> Said:
    """A decision; DocumentError if it is none of its kind."""
    return documents.decode(data, kind, name=name, cap=MAX_BYTES)


def _expect_same(path: Path, said: Document, expected: Document, fields: Iterable[str]) -> None:
    for field in fields:
        found, wanted = getattr(said, field), getattr(expected, field)
        if found != wanted:
            raise ApprovalError(
                f"{path} decides on another {field}: {found}, expected {wanted}",
                "Move it away, and give the same command again to write the right one.",
            )


def _expect_signed(path: Path, data: bytes, policy: Policy) -> tuple[str, ...]:
    signed = policies.signers(policy, data, acceptance.signatures_beside(path))
    if len(signed) < policy.change:
        raise ApprovalError(
            f"{path} is signed by {', '.join(sorted(signed)) or 'nobody whom the policy knows'}; "
            f"the policy in force demands {policy.change} different people",
            f"Each of them: airferry-installer policy sign {path} --key KEY",
        )
    return tuple(sorted(signed))
