"""Whether a release may follow what runs, and fits the cluster's version: pure."""

from __future__ import annotations

import re

from airferry_archive.release import Release
from airferry_foundation import versions
from airferry_foundation.errors import AudienceError, ReleaseRefusedError
from airferry_installer.planning.plan import Running

_KUBERNETES = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def check(release: Release, running: Running | None, kubernetes: str) -> None:
    """AudienceError: another Kubernetes is needed. ReleaseRefusedError: the step is too wide.

    `kubernetes` is the server's own version, such as `v1.37.2-gke.100`: what follows the three
    numbers is the provider's and does not count.
    """
    _check_kubernetes(release, kubernetes)
    if running is None or running.version == release.version:
        return
    stops = _stops(release, running.version)
    way = _way(release, running.version, stops)
    if stops:
        raise ReleaseRefusedError(
            f"{release.product} {running.version} runs; {', '.join(stops)} may not be skipped on "
            f"the way to {release.version}",
            f"The way: {way}. Ask the vendor for the bundles that you lack.",
        )
    now = versions.parse(running.version)
    if release.upgrade_from is not None and not versions.within(now, release.upgrade_from):
        raise ReleaseRefusedError(
            f"{release.product} {running.version} runs; {release.version} may follow only "
            f"{release.upgrade_from}",
            f"The way: {way}. Ask the vendor for the bundles that you lack.",
        )


def _stops(release: Release, running: str) -> list[str]:
    """The stops that lie between what runs and the release, in order."""
    now, wanted = versions.parse(running), versions.parse(release.version)
    between = [stop for stop in release.required_stops if now < versions.parse(stop) < wanted]
    return sorted(between, key=versions.parse)


def _way(release: Release, running: str, stops: list[str]) -> str:
    """What to install, one after another, as far as the release itself tells."""
    steps = [running, *stops]
    allowed = release.upgrade_from
    if allowed is not None and not versions.within(versions.parse(steps[-1]), allowed):
        steps.append(f"a version within {allowed}")
    return " -> ".join([*steps, release.version])


def _check_kubernetes(release: Release, found: str) -> None:
    needed = release.requires.kubernetes
    match = _KUBERNETES.match(found)
    if needed is None or match is None:
        return
    major, minor, patch = match.groups()
    if not versions.within(versions.Version((int(major), int(minor), int(patch))), needed):
        raise AudienceError(
            f"{release.product} {release.version} needs Kubernetes {needed}; the cluster is {found}"
        )
