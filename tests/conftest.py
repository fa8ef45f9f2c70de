"""What every test may ask for: real programs, a registry, a cluster, a namespace of its own."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from airferry_fixtures.servers import cluster as clusters
from airferry_fixtures.servers import namespace as networks
from airferry_fixtures.servers import registry as registries
from airferry_fixtures.servers.faulty import FaultyServer, Serve
from airferry_fixtures.servers.programs import located, put_on_path
from airferry_foundation import clock

_CLUSTER = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "kubectl",
)

# A loaded two-core machine is slow without being wrong: no deadlines.
_PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=60, **_PATIENT)
settings.register_profile("ci", max_examples=200, print_blob=True, **_PATIENT)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "quick")
)
put_on_path()
os.environ.pop("KUBECONFIG", None)  # no test may reach a cluster of the person's by accident

RegistryFactory = Callable[..., registries.RegistryServer]


def _missing(name: str) -> bool:
    """A pinned program that is on PATH may not fit, or be a shim that runs nothing."""
    found = located()
    return not (found[name] if name in found else shutil.which(name))


def _refuse(reason: str) -> None:
    """In CI a missing part is a failure; at a desk it is a skip that `-ra` shows."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hold the markers `program(*names)` and `cluster`."""
    wanted = [name for marker in item.iter_markers("program") for name in marker.args]
    if item.get_closest_marker("cluster") or "cluster" in getattr(item, "fixturenames", ()):
        wanted += _CLUSTER
    if missing := sorted({name for name in wanted if _missing(name)}):
        _refuse(f"MISSING {', '.join(missing)}: run `make programs`")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registries.RegistryServer]:
    """One registry for the whole session; keep apart with `repository_prefix`."""
    if _missing("registry"):
        _refuse("MISSING registry: run `make programs`")
    with registries.start_registry(tmp_path_factory.mktemp("registry")) as server:
        yield server


_count = itertools.count(1)
_clusters: list[clusters.Cluster] = []


@pytest.fixture
def repository_prefix(request: pytest.FixtureRequest) -> str:
    """A repository path that no other test of this session uses, without a slash at its end."""
    return f"t{next(_count)}/{_label(request.node.name)}"


@pytest.fixture
def edition(request: pytest.FixtureRequest) -> str:
    """Which registry `start_registry` starts; parametrize it indirectly to try [NEW, OLD]."""
    return str(getattr(request, "param", registries.NEW))


@pytest.fixture
def start_registry(tmp_path: Path, edition: str) -> Iterator[RegistryFactory]:
    """Starts registries of a test's own: `start_registry(**options of servers.registry)`."""
    with ExitStack() as stack:

        def start(**options: Any) -> registries.RegistryServer:
            wanted = options.setdefault("edition", edition)
            if _missing(wanted):
                _refuse(f"MISSING {wanted}: run `make programs`")
            folder = options.pop("folder", None) or tmp_path / f"registry-{next(_count)}"
            return stack.enter_context(registries.start_registry(folder, **options))

        yield start


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts scripted servers, for what a real registry can't be made to do."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(FaultyServer(script))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; what would have been waited is written down."""
    waited: list[float] = []
    monkeypatch.setattr(clock, "pause", waited.append)
    return waited


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Cluster]:
    """One cluster for the whole session, started by the first test that asks; see `namespace`."""
    with clusters.start_cluster(tmp_path_factory.mktemp("cluster")) as started:
        _clusters.append(started)
        yield started


@pytest.fixture(scope="module", autouse=True)
def _no_crds_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Files share a cluster: none finds the kinds that another one made (a fresh one has none)."""
    yield
    if request.node.get_closest_marker("cluster"):
        for started in _clusters:
            started.kubectl("delete", "customresourcedefinitions", "--all")


@pytest.fixture
def kubeconfig(cluster: clusters.Cluster) -> Path:
    """The administrator's kubeconfig."""
    return cluster.kubeconfig


@pytest.fixture
def namespace(cluster: clusters.Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh Kubernetes namespace named after the test; deleted behind it, without waiting."""
    name = f"t{next(_count)}-{_label(request.node.name)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture
def keep_signals() -> Iterator[None]:
    """For a command line that is run in this process: it takes the signals over."""
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    yield
    for number, handler in kept:
        signal.signal(number, handler)


@pytest.fixture
def isolated_network() -> Iterator[networks.IsolatedNetwork]:
    """A network with loopback only; skipped (in CI: failed) where the system forbids it."""
    with ExitStack() as stack:
        try:
            network = stack.enter_context(networks.isolated_network())
        except networks.NamespaceForbidden as forbidden:
            _refuse(str(forbidden))
            raise
        yield network


def _label(name: str) -> str:
    """A test's name as a DNS label that a name can end with."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40].strip("-")
