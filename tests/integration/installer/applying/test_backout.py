"""Back-out and rollback, on a real API server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airferry_foundation.errors import (
    ApprovalError,
    ClusterError,
    InputError,
    StateMissingError,
    UnhealthyError,
)
from airferry_installer import revisions, rollback, trust
from airferry_installer.applying import drift, finding, inventory
from airferry_installer.applying.apply import apply
from airferry_installer.applying.backout import back_out
from airferry_installer.applying.status import look
from airferry_installer.state import StateFolder

pytestmark = pytest.mark.cluster

OLD, NEW = ("r/web@sha256:" + digit * 64 for digit in "12")


def image(shop: Any) -> str:
    template = shop.live("deployment", "web")["spec"]["template"]
    return str(template["spec"]["containers"][0]["image"])


def outcomes(shop: Any) -> list[tuple[int, str]]:
    return [(r.number, r.outcome) for r in revisions.kept(shop.state, "staging", "shop")]


def installed(shop: Any) -> None:
    first = shop.plan("1.0.0", shop.config(colour="red"), shop.deployment(image=OLD), shop.claim())
    apply(shop.state, shop.client, first)


def upgrade(shop: Any, stage: str = "") -> Any:
    return shop.plan(
        "2.0.0",
        shop.config(colour="blue"),
        shop.config("added", x="1"),
        shop.deployment(image=NEW, stage=stage),
        shop.claim(),
        shop.claim("more"),
        operation="upgrade",
    )


def test_an_upgrade_that_fails_is_backed_out(shop: Any) -> None:
    installed(shop)
    plan = upgrade(shop, stage="crash")
    with pytest.raises(UnhealthyError):
        apply(shop.state, shop.client, plan)
    done = back_out(shop.state, shop.client, "staging", "shop")
    assert done.undone.version == "2.0.0"
    assert done.returned is not None
    assert done.returned.revision == 1
    assert image(shop) == OLD
    assert shop.live("configmap", "settings")["data"] == {"colour": "red"}
    assert shop.live("configmap", "added") is None
    assert [ref.name for ref in done.kept] == ["more"]
    assert shop.live("pvc", "more") is not None
    found = shop.inventory
    assert (found.state, found.revision, found.running.version) == ("backed-out", 2, "1.0.0")
    assert look(shop.state, shop.client, "staging", "shop").good
    assert drift.find(shop.state, shop.client, "staging", "shop").steps == ()
    assert outcomes(shop) == [(1, "applied"), (2, "backed-out")]
    with pytest.raises(ApprovalError, match="used up"):
        apply(shop.state, shop.client, plan)


def test_an_upgrade_that_nobody_wants_is_backed_out_and_comes_again(shop: Any) -> None:
    installed(shop)
    apply(shop.state, shop.client, upgrade(shop))
    assert image(shop) == NEW
    back_out(shop.state, shop.client, "staging", "shop")
    assert image(shop) == OLD
    with pytest.raises(InputError, match="backed out already"):
        back_out(shop.state, shop.client, "staging", "shop")
    again = upgrade(shop)
    assert again.revision == 2
    apply(shop.state, shop.client, again)
    assert image(shop) == NEW
    assert (shop.inventory.revision, shop.inventory.previous.version) == (3, "1.0.0")


def test_the_first_install_is_removed_but_for_data_and_what_was_there(shop: Any) -> None:
    shop.client.create(shop.make("ConfigMap", "theirs"))
    plan = shop.plan(
        "1.0.0",
        shop.make("ConfigMap", "theirs", data={"ours": "1"}),
        shop.config(),
        shop.deployment(),
        shop.claim(),
        shop.definition(),
        shop.resource(),
        shop.job("seed", hook="post-install"),
    )
    apply(shop.state, shop.client, plan)
    done = back_out(shop.state, shop.client, "staging", "shop")
    assert done.returned is None
    assert [ref.kind for ref in done.removed] == [
        "Shop", "Deployment", "ConfigMap", "CustomResourceDefinition",
    ]  # fmt: skip
    assert [ref.name for ref in done.kept] == ["data"]
    assert shop.live("configmap", "theirs") is not None
    assert shop.live("job", "seed") is None
    found = shop.inventory
    assert (found.state, found.running, found.revision) == ("backed-out", None, 1)
    assert found.objects == ()
    again = shop.plan("1.0.1", shop.config(), shop.claim())
    apply(shop.state, shop.client, again)
    assert shop.inventory.revision == 2


def test_a_definition_with_resources_of_others_is_kept(shop: Any) -> None:
    apply(shop.state, shop.client, shop.plan("1.0.0", shop.definition()))
    shop.client.create(shop.resource("somebody-elses"))
    done = back_out(shop.state, shop.client, "staging", "shop")
    assert [ref.kind for ref in done.kept] == ["CustomResourceDefinition"]
    shop.cluster.kubectl("delete", "crd", f"shops.{shop.namespace}.example.com", "--wait=false")


def test_nothing_to_back_out_is_said(shop: Any) -> None:
    with pytest.raises(StateMissingError, match="never applied"):
        back_out(shop.state, shop.client, "staging", "shop")


def test_a_rollback_is_a_plan(shop: Any) -> None:
    hook = shop.job("seed", hook="pre-install")
    apply(shop.state, shop.client, shop.plan("1.0.0", shop.config(colour="red"), hook))
    uid = shop.live("job", "seed")["metadata"]["uid"]
    for number, colour in ((2, "blue"), (3, "green")):
        plan = shop.plan(f"{number}.0.0", shop.config(colour=colour), operation="upgrade")
        apply(shop.state, shop.client, plan)
    before = rollback.plan(shop.state, shop.client, "staging", "shop")
    assert (before.version, before.operation) == ("2.0.0", "rollback")
    oldest = rollback.plan(shop.state, shop.client, "staging", "shop", 1)
    apply(shop.state, shop.client, oldest)
    assert shop.live("configmap", "settings")["data"] == {"colour": "red"}
    assert shop.live("job", "seed")["metadata"]["uid"] == uid
    assert (shop.inventory.revision, shop.inventory.running.version) == (4, "1.0.0")
    with pytest.raises(InputError, match="runs in staging already"):
        rollback.plan(shop.state, shop.client, "staging", "shop", 4)
    with pytest.raises(StateMissingError, match="no applied revision 9"):
        rollback.plan(shop.state, shop.client, "staging", "shop", 9)


def test_a_rollback_needs_something_to_go_back_to(shop: Any) -> None:
    installed(shop)
    with pytest.raises(StateMissingError, match="before revision 1"):
        rollback.plan(shop.state, shop.client, "staging", "shop")


def test_a_fresh_state_folder_finds_the_inventory(shop: Any, tmp_path: Path) -> None:
    installed(shop)
    held = finding.find(shop.state, shop.client, "staging", "shop")
    other = StateFolder.create(tmp_path / "other", shop.state.site_path, trust.NOTHING)
    assert finding.find(other, shop.client, "staging", "shop") == held
    status = look(other, shop.client, "staging", "shop")
    assert not status.compared
    assert status.workloads[0].ready
    with pytest.raises(StateMissingError):
        drift.find(other, shop.client, "staging", "shop")
    with pytest.raises(StateMissingError, match=r"no applied revision of shop"):
        rollback.plan(other, shop.client, "staging", "shop")


def test_two_inventories_are_not_guessed_between(shop: Any, tmp_path: Path) -> None:
    installed(shop)
    second = f"{shop.namespace}-2"
    shop.cluster.kubectl("create", "namespace", second)
    try:
        inventory.create(shop.client, second, shop.inventory)
        site = shop.state.site_path
        named = f"    inventory_namespace: {shop.namespace}\n"
        site.write_text(site.read_text().replace(named, ""))
        other = StateFolder.create(tmp_path / "other", site, trust.NOTHING)
        with pytest.raises(ClusterError, match="several namespaces hold an inventory"):
            finding.find(other, shop.client, "staging", "shop")
    finally:
        shop.cluster.kubectl("delete", "namespace", second, "--wait=false")
