"""`doctor`: holds the site, and a release, against the real world before anything depends on it.

Each finding says what was tried, what was found, and what to do. A check that fails does not stop
the next one. Nothing is changed: the registry check begins an upload and takes it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from airferry_archive.release import Release
from airferry_foundation import programs, versions
from airferry_foundation.errors import AirferryError, ClusterError, RegistryError
from airferry_installer import local_registry, opening
from airferry_installer.approving import timing
from airferry_installer.cluster import client as clusters
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.site import Environment, Kubernetes, Registry, Site
from airferry_installer.state import StateFolder

Outcome = Literal["ok", "warning", "failed"]

_TRIAL = "airferry/doctor"
"""The repository in which an upload is begun and taken back."""

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

_RIGHTS = (
    ("v1", "Secret"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "Job"),
)
_VERBS = ("get", "list", "create", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was tried, what came of it, and what to do if that is not good."""

    check: str
    outcome: Outcome
    tried: str
    found: str
    todo: str = ""


def examine(
    state: StateFolder, file: Path | None = None, environment: str | None = None
) -> tuple[Finding, ...]:
    """All checks for a site, or for one environment of it; with a bundle, also what it requires.

    Raises only what makes the question senseless: no state folder, a wrong site file, a bundle that
    is refused, an environment that is not there.
    """
    site = state.site()
    names = (environment,) if environment else tuple(site.environments)
    chosen = {name: site.environment(name) for name in names}
    with ExitStack() as stack:
        release = None
        if file is not None:
            opened = opening.open_admitted(state, file, environment=environment, save=False)
            release = stack.enter_context(opened)[1]
        return tuple(_all(state, site, chosen, release))


def _all(
    state: StateFolder, site: Site, chosen: Mapping[str, Environment], release: Release | None
) -> Iterator[Finding]:
    yield _journal(state)
    yield _clock(state)
    yield _cosign()
    for name in ("helm", "kubectl"):
        yield _program(name)
    for registry in dict.fromkeys(
        [site.registry, *(e.registry or site.registry for e in chosen.values())]
    ):
        yield from _registry(registry, state.site_folder)
    if release is not None:
        yield from _names(release, site.registry)
    for name, one in chosen.items():
        yield from _cluster(name, one, state.site_folder, release)


# --- this machine ---------------------------------------------------------------------------------


def _journal(state: StateFolder) -> Finding:
    tried = f"follow the journal of {state.folder}"
    try:
        count = state.journal.verify()
        state.hmac_key(), state.identity(), state.keys.public()
    except AirferryError as error:
        return _failed("state", tried, error)
    return Finding("state", "ok", tried, f"{count} entries, each follows the one before it")


def _clock(state: StateFolder) -> Finding:
    time = state.now()
    tried = "compare the system clock with what was learned"
    if not time.doubt:
        return Finding("clock", "ok", tried, "nothing that was learned is ahead of it")
    return Finding("clock", "warning", tried, time.doubt, timing.CLOCK_HINT)


def _cosign() -> Finding:
    tried = "find cosign, the second verifier"
    path = programs.available("cosign")
    if path is not None:
        return Finding("cosign", "ok", tried, str(path))
    return Finding(
        "cosign",
        "warning",
        tried,
        "none of version 3.0.4 or newer; signatures are checked by our own verifier alone",
        "Put cosign on PATH to have every signature checked twice.",
    )


def _program(name: str) -> Finding:
    tried = f"find {name}, needed {programs.NEEDS[name].purpose}"
    try:
        return Finding(name, "ok", tried, str(programs.find(name)))
    except AirferryError as error:
        return _failed(name, tried, error)


# --- registry -------------------------------------------------------------------------------------


def _registry(registry: Registry, site_folder: Path) -> Iterator[Finding]:
    check = f"registry {registry.push}"
    tried = f"log in to {registry.push}, begin an upload to {_TRIAL} and take it back"
    try:
        client = local_registry.connect(registry, site_folder)
        client.ping()
        client.cancel_upload(_TRIAL, client.start_upload(_TRIAL))
    except AirferryError as error:
        yield _failed(check, tried, error)
        return
    yield Finding(check, "ok", tried, "it lets us in and takes uploads")
    if registry.pull_address != registry.push:
        yield _pull(registry, site_folder)


def _pull(registry: Registry, site_folder: Path) -> Finding:
    """The address of nodes may well be closed to this machine: then it is only said."""
    check, tried = f"registry {registry.pull_address}", "reach the name that nodes pull from"
    try:
        local_registry.connect(registry, site_folder, address=registry.pull_address).ping()
    except RegistryError as error:
        return Finding(
            check, "warning", tried, error.message,
            "It may be open to nodes alone. Try it on a node: crictl pull.",
        )  # fmt: skip
    return Finding(check, "ok", tried, "it answers here; whether it does on nodes was not tried")


def _names(release: Release, registry: Registry) -> Iterator[Finding]:
    tried = "give each repository of the release its local name"
    try:
        places = local_registry.repositories(release, registry)
    except AirferryError as error:
        yield _failed("names", tried, error)
        return
    images = ", ".join(local_registry.local_image(registry, image) for image in release.images)
    yield Finding("names", "ok", tried, f"{len(places)} repositories, no two collide; {images}")


# --- cluster --------------------------------------------------------------------------------------


def _cluster(
    name: str, environment: Environment, site_folder: Path, release: Release | None
) -> Iterator[Finding]:
    check, tried = f"cluster of {name}", "reach the API server with your own kubectl login"
    try:
        with clusters.connect(environment.kubernetes, site_folder) as client:
            yield Finding(check, "ok", tried, f"Kubernetes {client.version()}")
            if release is not None:
                yield _version(check, client, release)
                yield from _rights(check, client, environment, release)
            yield _nodes(check, client, release)
    except AirferryError as error:
        if environment.kubernetes != Kubernetes():
            yield _failed(check, tried, error)
            return
        todo = "To plan and apply, name a cluster: kubernetes: {kubeconfig: …, context: …}."
        found = f"site.yaml names none, and kubectl's own default fails: {error.message}"
        yield Finding(check, "warning", tried, found, todo)


def _version(check: str, client: ClusterClient, release: Release) -> Finding:
    needed, found = release.requires.kubernetes, client.version()
    tried = f"compare its version with what {release.product} {release.version} requires"
    if needed is None:
        return Finding(check, "ok", tried, "the release requires no version")
    plain = found.removeprefix("v").partition("-")[0].partition("+")[0]
    if versions.within(versions.parse(plain), needed):
        return Finding(check, "ok", tried, f"{found} is within {needed}")
    return Finding(
        check, "failed", tried, f"{found} is not within {needed}",
        "Upgrade the cluster, or ask the vendor for a release that runs on it.",
    )  # fmt: skip


def _rights(
    check: str, client: ClusterClient, environment: Environment, release: Release
) -> Iterator[Finding]:
    own = {one.namespace for one in release.charts} | {one.namespace for one in release.manifests}
    chosen = environment.namespaces.get(release.product)
    for namespace in [chosen] if chosen else sorted(own):
        missing = [
            f"{verb} {kind}"
            for api_version, kind in _RIGHTS
            for verb in _VERBS
            if not client.allowed(verb, api_version, kind, namespace)
        ]
        tried = f"ask for the rights that an apply needs in namespace {namespace}"
        if missing:
            todo = f"Ask the cluster's administrator for a Role in {namespace} that allows them."
            yield Finding(check, "failed", tried, f"not allowed: {', '.join(missing)}", todo)
        else:
            yield Finding(check, "ok", tried, "all are there")


def _nodes(check: str, client: ClusterClient, release: Release | None) -> Finding:
    tried = "compare the nodes' platforms with the release's"
    try:
        nodes = client.list("v1", "Node")
    except ClusterError as error:
        return Finding(
            check, "warning", tried, error.message,
            "Without the right to list nodes, make sure yourself that they are of its platforms.",
        )  # fmt: skip
    found = sorted({_platform(node) for node in nodes})
    counted = f"{len(nodes)} nodes: {', '.join(found) or 'no platform'}"
    if release is None:
        return Finding(check, "ok", "list the nodes", counted)
    foreign = [platform for platform in found if not _carried(platform, release)]
    if nodes and not foreign:
        return Finding(check, "ok", tried, counted)
    carried = ", ".join(release.platforms)
    usable = len(foreign) < len(found)
    return Finding(
        check,
        "warning" if usable or not nodes else "failed",
        tried,
        f"{counted}; the release carries {carried}",
        "Pods that land on other nodes can't start: ask the vendor for their platforms, or keep "
        "the product on fitting nodes.",
    )


def _platform(node: dict[str, Any]) -> str:
    info = (node.get("status") or {}).get("nodeInfo") or {}
    system = info.get("operatingSystem") or "linux"
    architecture = info.get("architecture") or "unknown"
    return f"{system}/{_ARCHITECTURES.get(architecture, architecture)}"


def _carried(platform: str, release: Release) -> bool:
    """Whether the release has a platform; a node does not tell its variant."""
    return any(one == platform or one.startswith(f"{platform}/") for one in release.platforms)


def _failed(check: str, tried: str, error: AirferryError) -> Finding:
    return Finding(check, "failed", tried, error.message, error.hint)


def as_content(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """Findings for scripts."""
    return [msgspec.to_builtins(finding) for finding in findings]
