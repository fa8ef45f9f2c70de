"""What an environment runs, as the state folder knows it, and to whom its telemetry may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airferry_archive import release as releases
from airferry_archive.release import Release
from airferry_foundation import documents
from airferry_foundation.errors import StateMissingError, TelemetryRefusedError
from airferry_installer import revisions
from airferry_installer.planning.plan import Running
from airferry_installer.revisions import Revision
from airferry_installer.state import StateFolder
from airferry_telemetry import catalogue as catalogues
from airferry_telemetry.catalogue import STANDARD, Catalogue


@dataclass(frozen=True, slots=True)
class Product:
    """A product of an environment: its kept revisions, oldest first, and what runs."""

    name: str
    history: tuple[Revision, ...]
    running: Running | None


def products(state: StateFolder, environment: str) -> tuple[Product, ...]:
    """The products that were ever applied to an environment."""
    found = []
    for name in state.site().products:
        history = revisions.kept(state, environment, name)
        if history:
            applied = [one.running for one in history if one.outcome == "applied"]
            found.append(Product(name, history, applied[-1] if applied else None))
    return tuple(found)


def recipient(state: StateFolder, running: Sequence[Running]) -> str:
    """The one key that the running releases name for the site's region and purpose.

    TelemetryRefusedError if they name none, or several.
    """
    site = state.site().telemetry
    named = {
        key
        for one in running
        if (key := _recipient(_release(state, one), site.region, site.purpose)) is not None
    }
    if not named:
        raise TelemetryRefusedError(
            f"no running release names a recipient for region {site.region!r} and purpose "
            f"{site.purpose!r}",
            "Nothing can be exported: ask the vendor, or see `telemetry:` in site.yaml.",
        )
    if len(named) > 1:
        raise TelemetryRefusedError(
            "the running releases name different recipients: " + ", ".join(sorted(named)),
            "One file can be read by all its recipients, so one is not made for several.",
        )
    return named.pop()


def catalogue(state: StateFolder, running: Sequence[Running]) -> Catalogue:
    """What may leave at all: the standard catalogue, narrowed by that of each running release.

    A release without one narrows nothing. TelemetryRefusedError where it has one that was not
    loaded here: what it allows can't be told.
    """
    allowed = STANDARD
    for one in running:
        release = _release(state, one)
        if release is None or release.telemetry is None or release.telemetry.catalogue is None:
            continue
        try:
            data = state.kept("catalogue", release.telemetry.catalogue)
        except StateMissingError:
            raise TelemetryRefusedError(
                f"the catalogue of {one.product} {one.version} is not in the state folder",
                "Run `load` with its bundle again; it keeps the catalogue.",
            ) from None
        theirs = catalogues.parse(data, name=f"the catalogue of {one.product} {one.version}")
        allowed = catalogues.narrowed(allowed, theirs)
    return allowed


def _recipient(release: Release | None, region: str, purpose: str) -> str | None:
    if release is None or release.telemetry is None:
        return None
    return release.telemetry.recipients.get(region, {}).get(purpose)


def _release(state: StateFolder, running: Running) -> Release | None:
    try:
        data = state.kept("release", running.release)
    except StateMissingError:
        return None
    return documents.decode(data, Release, name="the kept release", cap=releases.MAX_BYTES)
