"""Whether a plan still says what an apply would do, when the cluster has moved since: pure.

A fresh plan of the same rendered release is compared with the approved one. Its actions and dangers
are what people agreed to: if they are the same the approval stands, whatever else moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airferry_foundation.errors import ConflictError
from airferry_installer.applying.order import identity, shown
from airferry_installer.planning.plan import FieldChange, Plan, Step

_LISTED = 40


@dataclass(frozen=True, slots=True)
class Movement:
    """What differs between two plans: `serious` needs a new approval, `slight` is journalled."""

    serious: tuple[str, ...] = ()
    slight: tuple[str, ...] = ()


def movement(approved: Plan, fresh: Plan) -> Movement:
    """What moved between two plans of one rendered release."""
    before = {_key(step): step for step in approved.steps}
    after = {_key(step): step for step in fresh.steps}
    serious: list[str] = []
    slight: list[str] = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            serious.append(_alone(old, new))
        elif _meaning(old) != _meaning(new):
            serious += _told(old, new)
        elif old != new:
            slight.append(_shown(old))
    return Movement(tuple(serious), tuple(slight))


def check(approved: Plan, fresh: Plan) -> tuple[str, ...]:
    """The objects that moved without changing what was agreed; ConflictError if that changed."""
    found = movement(approved, fresh)
    if found.serious:
        listed = "\n".join(f"  {line}" for line in found.serious[:_LISTED])
        raise ConflictError(
            f"{approved.environment} moved since the plan was made; nothing was changed:\n{listed}",
            "Make a new plan and have it approved.",
        )
    return found.slight


def check_plan(plan: Plan) -> None:
    """ConflictError for a plan that itself says it can't be applied."""
    blocked = [step for step in plan.steps if step.action == "conflict"]
    if blocked:
        listed = "\n".join(
            f"  {_shown(step)}: "
            + ", ".join(f"{c.path} is owned by {c.manager}" for c in step.conflicts)
            for step in blocked[:_LISTED]
        )
        raise ConflictError(
            f"the plan holds {len(blocked)} conflict{'s' if len(blocked) > 1 else ''}; "
            f"nothing was changed:\n{listed}",
            "Agree with the owner of each field, or list it under `ignore` in site.yaml; "
            "then plan anew.",
        )


def _key(step: Step) -> tuple[str, str, str, str, str]:
    return (*identity(step.object), step.hook or "")


def _meaning(step: Step) -> tuple[object, ...]:
    """What people agreed to about an object."""
    dangers = sorted((d.danger, d.text) for d in step.dangers)
    return step.action, tuple(dangers), step.conflicts


def _shown(step: Step) -> str:
    return shown(step.object)


def _alone(old: Step | None, new: Step | None) -> str:
    if old is not None:
        return f"{_shown(old)}: the plan would {old.action} it, now nothing is left to do with it"
    assert new is not None  # noqa: S101 - one of two plans holds it
    return f"{_shown(new)}: not in the plan, now: {new.action}"


def _told(old: Step, new: Step) -> Iterator[str]:
    if old.action != new.action:
        yield f"{_shown(new)}: planned {old.action}, now {new.action}"
    known = {(f.path, f.before, f.after) for f in old.fields}
    for change in new.fields:
        if (change.path, change.before, change.after) not in known:
            yield f"{_shown(new)}: {_field(change)}"
    for conflict in new.conflicts:
        if conflict not in old.conflicts:
            yield f"{_shown(new)}: {conflict.path} is owned by {conflict.manager} now"
    for danger in new.dangers:
        if danger not in old.dangers:
            yield f"{_shown(new)}: {danger.danger}: {danger.text}"
    for danger in old.dangers:
        if danger not in new.dangers:
            yield f"{_shown(new)}: no more: {danger.danger}: {danger.text}"


def _field(change: FieldChange) -> str:
    if change.secret:
        return f"{change.path} is another secret now"
    return f"{change.path} is {change.before or 'not there'} now, would be {change.after or 'gone'}"
