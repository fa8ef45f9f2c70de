"""A customer with a cluster: see `airferry_fixtures.changes`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airferry_fixtures.changes import Shop, make_state
from airferry_fixtures.servers.cluster import Cluster
from airferry_installer.cluster.client import connect
from airferry_installer.site import Kubernetes


@pytest.fixture
def shop(tmp_path: Path, cluster: Cluster, namespace: str) -> Iterator[Shop]:
    state = make_state(tmp_path, cluster, namespace)
    with connect(Kubernetes(kubeconfig=str(cluster.kubeconfig)), tmp_path) as client:
        yield Shop(state, client, cluster, namespace, tmp_path)
