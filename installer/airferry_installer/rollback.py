"""Rollback: a plan for an older revision that the state folder keeps."""

from __future__ import annotations

from airferry_foundation.errors import ClusterBusyError, InputError, StateMissingError
from airferry_installer import revisions
from airferry_installer.applying import finding
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.planning import rendered as renders
from airferry_installer.planning.plan import Plan
from airferry_installer.planning.planner import plan_rendered
from airferry_installer.revisions import Revision
from airferry_installer.state.folder import StateFolder


def plan(
    state: StateFolder, client: ClusterClient, environment: str, product: str, to: int = 0
) -> Plan:
    """The plan that leads back to revision `to`; 0 is the applied one before what runs.

    StateMissingError: it is not kept here. InputError: it runs. ClusterBusyError: a change is under
    way.
    """
    found = finding.need(state, client, environment, product).inventory
    if found.state in ("applying", "backing-out"):
        raise ClusterBusyError(
            f"{product} in {environment} is being changed ({found.state})",
            "Let it finish, or back out: apply --backout",
        )
    running = found.running.revision if found.running else 0
    if to and to == running and found.state == "applied":
        raise InputError(f"revision {to} of {product} runs in {environment} already")
    chosen = (
        revisions.find(state, environment, product, to)
        if to
        else _before(state, environment, product, running)
    )
    rendered = renders.load(state, chosen.running.rendered)
    return plan_rendered(state, client, environment, rendered, "rollback")


def _before(state: StateFolder, environment: str, product: str, running: int) -> Revision:
    older = [
        r
        for r in revisions.kept(state, environment, product)
        if r.outcome == "applied" and r.number < running
    ]
    if not older:
        raise StateMissingError(
            f"no applied revision of {product} in {environment} before revision {running} is kept "
            "here",
            "Plan the older release from its bundle instead.",
        )
    return older[-1]
