"""A state folder put back to an old backup: the cluster remembers, and people are told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airferry_fixtures import signers
from airferry_fixtures.changes import Shop, installer, make_state
from airferry_fixtures.commands import Ran
from airferry_fixtures.servers.cluster import Cluster
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation.digests import digest
from airferry_installer import trust
from airferry_installer.cluster.client import connect
from airferry_installer.site import Kubernetes
from airferry_signing import roots as root_chains
from airferry_signing.signature_files import SignedDocument

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


def learn(shop: Shop, statement: SignedDocument, roots: Vendor) -> None:
    """`channel import` of a statement, as it comes on a stick."""
    folder = shop.folder / f"stick-{digest(statement.document)[7:19]}"
    folder.mkdir(exist_ok=True)
    (folder / "channel.json").write_bytes(statement.document)
    for number, signature in enumerate(statement.signatures, 1):
        (folder / f"channel.json.{number}.sigstore.json").write_bytes(signature)
    known = shop.state.trust()
    if known.line("shop") is None:
        chain = root_chains.pin(roots.roots[1], digest(roots.roots[1].document))
        shop.state.remember(known.with_line(trust.pinned(chain)))
    done = run(shop, "channel", "import", folder / "channel.json")
    assert done.code == 0, done.stderr


def test_what_was_revoked_does_not_come_back_with_a_backup(shop: Shop, tmp_path: Path) -> None:
    """The cluster remembers under which statement it was changed: the state must know it again."""
    vendor = Vendor()
    learn(shop, signers.signed(channel_of(1), *vendor.keys), vendor)
    applied(shop, "1.0.0", "red")
    assert run(shop, "backup", "-o", tmp_path / "b").code == 0
    revoking = signers.signed(channel_of(2, revoked=(digest(b"1.1.0"),)), *vendor.keys)
    learn(shop, revoking, vendor)
    applied(shop, "1.2.0", "blue")
    assert run(shop, "restore", tmp_path / "b", "--replace", "--yes").code == 0

    path = shop.write(shop.plan("1.1.0", shop.config(colour="green"), operation="upgrade"))
    done = run(shop, "apply", path)
    assert done.code == 26, done.stderr
    assert "under channel statement 2 of epoch 1; known here: 1 of epoch 1" in done.stderr
    assert "channel import" in done.stderr
    assert shop.live("configmap", "settings")["data"] == {"colour": "blue"}, "untouched"
    assert shop.inventory.revision == 2

    learn(shop, revoking, vendor)
    again = shop.write(shop.plan("1.3.0", shop.config(colour="white"), operation="upgrade"))
    assert run(shop, "apply", again).code == 0, "and on it goes"


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
