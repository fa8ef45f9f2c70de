"""A state folder put back to an old backup: the cluster remembers, and people are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airferry_fixtures.changes import Shop, installer, make_state
from airferry_fixtures.commands import Ran
from airferry_fixtures.servers.cluster import Cluster
from airferry_installer.cluster.client import connect
from airferry_installer.site import Kubernetes

pytestmark = pytest.mark.cluster


@pytest.fixture
def shop(tmp_path: Path, cluster: Cluster, namespace: str) -> Iterator[Shop]:
    state = make_state(tmp_path, cluster, namespace)
    with connect(Kubernetes(kubeconfig=str(cluster.kubeconfig)), tmp_path) as client:
        yield Shop(state, client, cluster, namespace, tmp_path)


def run(shop: Shop, *words: str | Path) -> Ran:
    done = installer("--state", shop.state.folder, *words)
    assert "Traceback" not in done.stderr
    return done


def applied(shop: Shop, version: str, colour: str) -> Path:
    operation: Any = "install" if version == "1.0.0" else "upgrade"
    path = shop.write(shop.plan(version, shop.config(colour=colour), operation=operation))
    done = run(shop, "apply", path)
    assert done.code == 0, done.stderr
    return path


def test_a_state_restored_from_a_backup_is_noticed(shop: Shop, tmp_path: Path) -> None:
    first = applied(shop, "1.0.0", "red")
    assert run(shop, "backup", "-o", tmp_path / "b").code == 0
    stale = shop.write(shop.plan("1.1.0", shop.config(colour="green"), operation="upgrade"))
    applied(shop, "1.2.0", "blue")
    assert run(shop, "restore", tmp_path / "b", "--replace", "--yes").code == 0

    for path in (stale, first):
        done = run(shop, "apply", path)
        assert done.code != 0, "an approval that was used, or is for an older revision"
        assert "is at revision 2" in done.stdout + done.stderr
        assert "this state was restored from a backup" in done.stdout
    assert shop.live("configmap", "settings")["data"] == {"colour": "blue"}, "untouched"
    assert shop.inventory.revision == 2
    behind = [e.facts for e in shop.state.journal.entries() if e.event == "state behind"]
    assert [(facts["revision"], facts["known"]) for facts in behind] == [(2, 1)], "told once"


def test_a_fresh_state_folder_is_told_too(shop: Shop, tmp_path: Path) -> None:
    applied(shop, "1.0.0", "red")
    (tmp_path / "other").mkdir()
    other = Shop(
        make_state(tmp_path / "other", shop.cluster, shop.namespace),
        shop.client, shop.cluster, shop.namespace, tmp_path / "other",
    )  # fmt: skip
    path = other.write(other.plan("1.1.0", other.config(colour="blue"), operation="upgrade"))
    done = run(other, "apply", path)
    assert "this state folder knows none" in done.stdout
    assert "another installer changed it" in done.stdout


def test_no_warning_where_the_state_is_the_newest(shop: Shop) -> None:
    applied(shop, "1.0.0", "red")
    path = shop.write(shop.plan("1.1.0", shop.config(colour="blue"), operation="upgrade"))
    done = run(shop, "apply", path)
    assert done.code == 0
    assert "WARNING" not in done.stdout
