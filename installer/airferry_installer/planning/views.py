"""A plan for people: lines of text, and one self-contained HTML page that can be printed.

Both are made from plan.json alone, on any machine: nobody has to trust a page that was carried.
What a plan holds came from charts and servers: text is made printable, HTML is escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.resources import files as package_files
from typing import Any

from airferry_foundation import documents
from airferry_foundation.digests import short
from airferry_installer.approving.windows import describe
from airferry_installer.planning.consequences import shown
from airferry_installer.planning.plan import FieldChange, Plan, Step

ORDER = ("conflict", "replace", "prune", "create", "update", "run", "unchanged")
"""Actions as people want to see them: what hurts first."""

SIGNS = {
    "create": "+", "update": "~", "replace": "!", "prune": "-", "run": ">", "conflict": "x",
    "unchanged": "=",
}  # fmt: skip
_LONG = 120
_MANY = 12


def counts(plan: Plan) -> dict[str, int]:
    """How many steps there are of each action."""
    found = Counter(str(step.action) for step in plan.steps)
    return {action: found[action] for action in ORDER if found[action]}


def changes_nothing(plan: Plan) -> bool:
    """Whether an apply would do nothing at all."""
    return all(step.action == "unchanged" for step in plan.steps)


def text(plan: Plan) -> Iterator[str]:
    """The plan in lines; `unchanged` objects are only counted."""
    yield from _head(plan)
    yield from _images(plan)
    yield from _values(plan)
    phase = ""
    for step in plan.steps:
        if step.action == "unchanged":
            continue
        if step.phase != phase:
            phase = step.phase
            yield f"{phase}:"
        yield from _step(step)
    yield from _dangers(plan)
    if plan.irreversible:
        yield "a back-out can't undo:"
        yield from (f"  {line}" for line in plan.irreversible)
    yield from _tail(plan)


def _head(plan: Plan) -> Iterator[str]:
    yield f"{plan.operation} of {plan.product} {plan.version} on {plan.environment}"
    running = plan.running
    now = f"{running.version} (revision {running.revision})" if running else "nothing"
    yield f"  runs now: {now}; this becomes revision {plan.revision + 1}"
    yield f"  cluster {plan.cluster} ({plan.kubernetes}), inventory in namespace {plan.namespace}"
    yield f"  release {short(plan.release)}, rendered {short(plan.rendered)}"
    for line in _calendar(plan):
        yield f"  when: {line}"
    for line in plan.read:
        yield f"  charts look up in the cluster: {line}"


def _calendar(plan: Plan) -> Iterator[str]:
    return describe(plan.calendar) if plan.calendar else iter(())


def _images(plan: Plan) -> Iterator[str]:
    if plan.images and plan.running:
        yield "images:"
        for image in plan.images:
            yield f"  {image.name}"
            yield f"    {_reference(image.before)} -> {_reference(image.after)}"


def _reference(text: str | None) -> str:
    return "none" if text is None else text.rpartition("@")[2][:19]


def _values(plan: Plan) -> Iterator[str]:
    if plan.values:
        yield "values:"
        yield from (f"  {_field(change)}" for change in plan.values)


def _step(step: Step) -> Iterator[str]:
    when = f" ({step.hook})" if step.hook else ""
    untried = "" if step.tried or step.action == "run" else " (to be tried in its turn)"
    yield f"  {SIGNS[step.action]} {step.action} {shown(step.object)}{when}{untried}"
    for change in step.fields[:_MANY]:
        yield f"      {_field(change)}"
    if len(step.fields) > _MANY:
        yield f"      and {len(step.fields) - _MANY} more fields"
    for conflict in step.conflicts:
        yield f"      {conflict.path} is owned by {conflict.manager}"
    for danger in step.dangers:
        yield f"      ! {danger.danger}: {danger.text}"


def _field(change: FieldChange) -> str:
    if change.secret:
        return f"{change.path}: {_secret(change)}"
    return f"{change.path}: {_short(change.before)} -> {_short(change.after)}"


def _secret(change: FieldChange) -> str:
    if change.before is None:
        return "a secret is set"
    return "a secret is removed" if change.after is None else "a secret changes"


def _short(value: str | None) -> str:
    if value is None:
        return "(not set)"
    return value if len(value) <= _LONG else f"{value[:_LONG]}…"


def _dangers(plan: Plan) -> Iterator[str]:
    found = [(step, danger) for step in plan.steps for danger in step.dangers]
    if found:
        yield "dangers:"
        for step, danger in found:
            yield f"  {danger.danger}: {shown(step.object)}: {danger.text}"


def _tail(plan: Plan) -> Iterator[str]:
    number = counts(plan)
    if changes_nothing(plan):
        yield f"nothing changes: all {len(plan.steps)} objects are as they should be"
        return
    yield ", ".join(f"{count} {action}" for action, count in number.items())
    if number.get("conflict"):
        yield "this plan can't be applied: somebody else owns fields that it sets"
    back = plan.running.version if plan.running else "nothing (its objects are removed)"
    yield f"a back-out leads to: {back}"


def html(plan: Plan, *, made_at: str = "", channel: Sequence[str] = ()) -> str:
    """One page with everything in it: no script, no other file, no address it would load.

    `channel` are lines on what the vendor last said of all releases: of that moment, so not in the
    plan, which is the same file whenever it is made.
    """
    import jinja2

    source = package_files("airferry_installer.planning").joinpath("plan.html.jinja").read_text()
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters["shown"] = shown
    environment.filters["secret"] = _secret
    return environment.from_string(source).render(
        plan=plan,
        digest=documents.digest_of(plan),
        made_at=made_at,
        channel=channel,
        calendar=list(_calendar(plan)),
        counts=counts(plan),
        nothing=changes_nothing(plan),
        changed=[step for step in plan.steps if step.action != "unchanged"],
        unchanged=[step for step in plan.steps if step.action == "unchanged"],
        dangers=[(step, danger) for step in plan.steps for danger in step.dangers],
        signs=SIGNS,
    )


def answer(plan: Plan) -> dict[str, Any]:
    """What scripts get: the digest, counts, dangers; the plan itself is the file."""
    return {
        "digest": documents.digest_of(plan),
        "operation": plan.operation,
        "product": plan.product,
        "version": plan.version,
        "environment": plan.environment,
        "revision": plan.revision,
        "running": plan.running.version if plan.running else None,
        "changes": not changes_nothing(plan),
        "actions": counts(plan),
        "dangers": [
            {"object": shown(step.object), "danger": danger.danger, "text": danger.text}
            for step in plan.steps
            for danger in step.dangers
        ],
        "irreversible": list(plan.irreversible),
        "calendar": list(_calendar(plan)),
    }
