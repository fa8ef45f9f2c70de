"""Drift: where the cluster differs from what was last put in place whole.

It is a plan of the running revision: what such a plan would change is what has drifted. Hooks don't
count, generated and ignored fields neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airferry_foundation.errors import ClusterBusyError, StateMissingError
from airferry_installer.applying import finding
from airferry_installer.applying.order import shown
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.planning import rendered as renders
from airferry_installer.planning.plan import Running, Step
from airferry_installer.planning.planner import plan_rendered
from airferry_installer.state.folder import StateFolder

_SAME = ("unchanged", "run")
_WORDS = {
    "create": "it is not there",
    "update": "it was changed",
    "replace": "it was changed in a way that can't be mended in place",
    "prune": "it is left over",
    "conflict": "somebody else took fields of it",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """What has drifted from a revision; nothing if `steps` is empty."""

    running: Running
    steps: tuple[Step, ...]


def find(state: StateFolder, client: ClusterClient, environment: str, product: str) -> Drift:
    """The drift of one product in one environment.

    StateMissingError: nothing runs, or its rendered release is not kept here. ClusterBusyError: a
    change is under way, so there is nothing to compare with.
    """
    found = finding.need(state, client, environment, product).inventory
    if found.state in ("applying", "backing-out"):
        raise ClusterBusyError(
            f"{product} in {environment} is being changed ({found.state}); drift can't be told now",
            "Let the change finish, or give its command again.",
        )
    running = found.running
    if running is None:
        raise StateMissingError(f"{product} does not run in {environment}", "Apply it first.")
    rendered = renders.load(state, running.rendered)
    plan = plan_rendered(state, client, environment, rendered, "upgrade")
    return Drift(running, tuple(step for step in plan.steps if step.action not in _SAME))


def lines(drift: Drift) -> Iterator[str]:
    """The drift in words, one line an object and one a field; no secret among them."""
    for step in drift.steps:
        yield f"{shown(step.object)}: {_WORDS.get(step.action, step.action)}"
        for field in step.fields:
            if field.secret:
                yield f"  {field.path}: another secret value"
            else:
                yield f"  {field.path}: is {field.before}, should be {field.after}"
        for conflict in step.conflicts:
            yield f"  {conflict.path}: owned by {conflict.manager}"
