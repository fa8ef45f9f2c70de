"""Samples an environment now, into the spool."""

from __future__ import annotations

from contextlib import ExitStack

from airferry_foundation.errors import AirferryError
from airferry_installer.cluster.client import ClusterClient, connect
from airferry_installer.monitoring import consent
from airferry_installer.monitoring.collectors import Collected, Scene, collect
from airferry_installer.monitoring.spool import Spool
from airferry_installer.state import StateFolder
from airferry_telemetry.redaction import hash_label


def spool_of(state: StateFolder) -> Spool:
    """The spool of a state folder."""
    return Spool(state.folder / "telemetry.db")


def sample_now(state: StateFolder, environment: str) -> tuple[Collected, str]:
    """Run the collectors that are switched on and spool what they find.

    Also says which cluster it was, as an HMAC under the site key; '' where it can't be told. With
    all switches off nothing runs, and the cluster is not asked for anything.
    """
    wanted = consent.read(state)
    if not wanted.collect:
        return Collected((), ()), ""
    at = int(state.now().now.timestamp())
    with ExitStack() as stack:
        reached = _reach(state, environment, stack)
        collected = collect(Scene(state, environment, at, reached), wanted)
        identity = _identity(state, reached)
    spool_of(state).add(environment, collected.samples)
    return collected, identity


def _reach(state: StateFolder, environment: str, stack: ExitStack) -> ClusterClient | AirferryError:
    """The environment's cluster, or why it can't be reached: that is a gap, not a failure."""
    settings = state.site().environment(environment).kubernetes
    try:
        return stack.enter_context(connect(settings, state.site_folder))
    except AirferryError as error:
        return error


def _identity(state: StateFolder, reached: ClusterClient | AirferryError) -> str:
    if isinstance(reached, AirferryError):
        return ""
    try:
        return hash_label(reached.uid(), state.hmac_key())
    except AirferryError:
        return ""
