"""Install, upgrade, prune, hooks, failures: on a real API server with its controllers."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from airferry_foundation.errors import (
    ApprovalError,
    ClusterBusyError,
    ConflictError,
    InputError,
    UnhealthyError,
)
from airferry_foundation.progress import SILENT
from airferry_installer import revisions
from airferry_installer.applying import drift, inventory
from airferry_installer.applying.apply import apply
from airferry_installer.applying.backout import back_out
from airferry_installer.applying.status import look
from airferry_installer.planning import rendered as renders
from airferry_installer.planning.planner import plan_rendered
from airferry_installer.planning.sealed_values import name_of
from airferry_rendering.objects import key_of

pytestmark = pytest.mark.cluster

NEW = "r/web@sha256:" + "2" * 64


def ran(shop: Any, name: str) -> str:
    """The uid of a Job: another one means that it ran again."""
    return str(shop.live("job", name)["metadata"]["uid"])


def test_an_install_makes_everything_and_writes_it_down(shop: Any) -> None:
    plan = shop.plan("1.0.0", shop.config(), shop.secret(), shop.deployment(), shop.claim())
    done = apply(shop.state, shop.client, plan)
    assert done.turn == "fresh"
    assert done.approved is not None
    assert done.approved.without_policy
    assert shop.live("deployment", "web")["status"]["availableReplicas"] == 2
    data = shop.live("secret", "login")["data"]["password"]
    assert base64.b64decode(data) == b"hunter2"
    found = shop.inventory
    assert (found.state, found.revision) == ("applied", 1)
    assert found.running.version == "1.0.0"
    assert found.previous is None
    assert {o.ref.kind for o in found.objects} == {
        "ConfigMap", "Secret", "Deployment", "PersistentVolumeClaim",
    }  # fmt: skip
    assert all(o.uid and not o.adopted for o in found.objects)
    kept = revisions.kept(shop.state, "staging", "shop")
    assert [(r.number, r.outcome) for r in kept] == [(1, "applied")]
    assert shop.events()[-2:] == ["apply begun", "apply finished"]


def test_an_upgrade_changes_and_prunes(shop: Any) -> None:
    first = shop.plan("1.0.0", shop.config(), shop.config("old", x="1"), shop.deployment())
    apply(shop.state, shop.client, first)
    plan = shop.plan("2.0.0", shop.config(), shop.deployment(image=NEW), operation="upgrade")
    assert {s.action for s in plan.steps} == {"unchanged", "update", "prune"}
    done = apply(shop.state, shop.client, plan)
    assert [ref.name for ref in done.pruned] == ["old"]
    assert shop.live("configmap", "old") is None
    template = shop.live("deployment", "web")["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == NEW
    found = shop.inventory
    assert (found.revision, found.running.version, found.previous.version) == (2, "2.0.0", "1.0.0")
    assert {o.ref.name for o in found.objects} == {"settings", "web"}
    assert look(shop.state, shop.client, "staging", "shop").good


def test_a_plan_that_is_done_is_left_alone(shop: Any) -> None:
    plan = shop.plan("1.0.0", shop.config())
    apply(shop.state, shop.client, plan)
    assert apply(shop.state, shop.client, plan).turn == "done"
    assert shop.inventory.revision == 1


def test_an_old_plan_never_fits_again(shop: Any) -> None:
    one = shop.plan("1.0.0", shop.config(colour="red"))
    apply(shop.state, shop.client, one)
    two = shop.plan("2.0.0", shop.config(colour="blue"), operation="upgrade")
    apply(shop.state, shop.client, two)
    back = shop.plan("1.0.0", shop.config(colour="red"), operation="upgrade")
    apply(shop.state, shop.client, back)
    with pytest.raises(ApprovalError, match="used up"):
        apply(shop.state, shop.client, two)
    assert shop.live("configmap", "settings")["data"] == {"colour": "red"}


def test_a_definition_is_established_before_its_resources(shop: Any) -> None:
    plan = shop.plan("1.0.0", shop.resource(), shop.definition(), shop.config())
    assert not all(step.tried for step in plan.steps)
    apply(shop.state, shop.client, plan)
    assert shop.live(f"shops.{shop.namespace}.example.com", "corner")["spec"] == {"street": "Main"}
    shop.cluster.kubectl("delete", "crd", f"shops.{shop.namespace}.example.com")


def test_a_namespace_that_the_plan_creates_holds_the_inventory(shop: Any) -> None:
    name = f"{shop.namespace}-new"
    shop.namespace = name
    plan = shop.plan(
        "1.0.0",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        shop.config(),
    )
    try:
        apply(shop.state, shop.client, plan)
        assert shop.live("configmap", "settings") is not None
        assert shop.inventory.state == "applied"
    finally:
        shop.cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_a_missing_namespace_is_named(shop: Any) -> None:
    plan = msgspec.structs.replace(shop.plan("1.0.0", shop.config()), namespace="nowhere-at-all")
    with pytest.raises((InputError, ConflictError)):
        apply(shop.state, shop.client, plan)


def test_hooks_run_in_order_and_are_deleted_as_they_ask(shop: Any) -> None:
    plan = shop.plan(
        "1.0.0",
        shop.job("before", hook="pre-install"),
        shop.job("after", hook="post-install", policy="hook-succeeded"),
        shop.deployment(),
    )
    apply(shop.state, shop.client, plan)
    assert shop.live("job", "before")["status"]["succeeded"] == 1
    assert shop.live("job", "after") is None
    assert shop.inventory.hooks_done == (
        f"pre-hooks Job {shop.namespace}/before",
        f"post-hooks Job {shop.namespace}/after",
    )
    assert {o.ref.kind for o in shop.inventory.objects} == {"Deployment"}


def test_a_hook_of_an_earlier_run_is_made_anew(shop: Any) -> None:
    both = "pre-install,pre-upgrade"
    apply(shop.state, shop.client, shop.plan("1.0.0", shop.job("seed", hook=both)))
    before = ran(shop, "seed")
    plan = shop.plan("2.0.0", shop.job("seed", hook=both), shop.config(), operation="upgrade")
    apply(shop.state, shop.client, plan)
    assert ran(shop, "seed") != before


def test_a_hook_that_fails_ends_the_apply_before_workloads(shop: Any) -> None:
    plan = shop.plan("1.0.0", shop.job("seed", hook="pre-install", stage="fail"), shop.deployment())
    with pytest.raises(UnhealthyError, match=r"hook Job .*seed failed"):
        apply(shop.state, shop.client, plan)
    assert shop.live("deployment", "web") is None
    assert shop.inventory.state == "failed"
    assert shop.events()[-1] == "apply failed"


def test_a_failed_apply_goes_on_without_running_hooks_twice(shop: Any) -> None:
    objects = [shop.job("seed", hook="pre-install"), shop.deployment(stage="crash")]
    plan = shop.plan("1.0.0", *objects)
    with pytest.raises(UnhealthyError, match="CrashLoopBackOff"):
        apply(shop.state, shop.client, plan)
    before = ran(shop, "seed")
    with pytest.raises(UnhealthyError):
        apply(shop.state, shop.client, plan)
    assert ran(shop, "seed") == before
    assert shop.inventory.attempt == 1
    assert [r.outcome for r in revisions.kept(shop.state, "staging", "shop")] == ["failed"]


def test_a_crash_ends_the_wait_early_and_is_explained(shop: Any) -> None:
    plan = shop.plan("1.0.0", shop.deployment(stage="crash"))
    with pytest.raises(UnhealthyError) as caught:
        apply(shop.state, shop.client, plan)
    assert "it can't get ready" in caught.value.message
    assert "pod web-" in caught.value.message
    status = look(shop.state, shop.client, "staging", "shop")
    assert not status.good
    assert "CrashLoopBackOff" in status.workloads[0].note


def test_what_never_gets_ready_ends_at_the_timeout(shop: Any) -> None:
    site = shop.state.site_path
    site.write_text(site.read_text().replace("timeout: 60", "timeout: 3"))
    plan = shop.plan("1.0.0", shop.deployment(stage="never-ready"))
    with pytest.raises(UnhealthyError) as caught:
        apply(shop.state, shop.client, plan)
    assert "not ready within 3 s" in caught.value.message
    assert "0 of 2 pods available" in caught.value.message
    assert "apply --backout" in caught.value.hint
    done = back_out(shop.state, shop.client, "staging", "shop")
    assert done.returned is None
    assert shop.live("deployment", "web") is None


def test_somebody_who_takes_over_stops_the_one_at_work(shop: Any) -> None:
    plan = shop.plan("1.0.0", shop.config(), shop.job("seed", hook="pre-install"))

    class Nosy:
        """A second installer's write, in the middle of the first one's apply."""

        def start(self, *_: Any) -> Any:
            return SILENT.start("")

        def note(self, text: str) -> None:
            if text.startswith("run "):
                held = inventory.read(shop.client, shop.namespace, "shop")
                assert held is not None
                inventory.update(shop.client, held, inventory.change(held, attempt=7))

    with pytest.raises(ClusterBusyError, match="took over"):
        apply(shop.state, shop.client, plan, progress=Nosy())
    assert (shop.inventory.state, shop.inventory.attempt) == ("applying", 7)


def test_a_generated_field_keeps_its_live_value(shop: Any) -> None:
    def release(version: str, word: str, operation: Any) -> Any:
        made = msgspec.structs.replace(
            shop.render(version, shop.secret(word=word), operation=operation)[0]
        )
        item = msgspec.structs.replace(made.objects[0], generated=("/data/password",))
        masked = {**item.body, "data": {"password": "generated"}}
        item = msgspec.structs.replace(item, body=masked)
        made = msgspec.structs.replace(made, objects=(item,))
        value = base64.b64encode(word.encode()).decode()
        name = name_of(key_of(masked))
        renders.store(shop.state, made, fresh={name: {"/data/password": value}})
        return plan_rendered(shop.state, shop.client, "staging", made, operation)

    apply(shop.state, shop.client, release("1.0.0", "first", "install"))
    apply(shop.state, shop.client, release("2.0.0", "second", "upgrade"))
    assert base64.b64decode(shop.live("secret", "login")["data"]["password"]) == b"first"
    back_out(shop.state, shop.client, "staging", "shop")
    assert base64.b64decode(shop.live("secret", "login")["data"]["password"]) == b"first"
    assert drift.find(shop.state, shop.client, "staging", "shop").steps == ()


def test_a_job_that_changed_is_made_anew(shop: Any) -> None:
    apply(shop.state, shop.client, shop.plan("1.0.0", shop.job("index", "r/index:1")))
    before = ran(shop, "index")
    plan = shop.plan("2.0.0", shop.job("index", "r/index:2"), operation="upgrade")
    assert [s.action for s in plan.steps] == ["replace"]
    apply(shop.state, shop.client, plan)
    assert ran(shop, "index") != before


def test_a_cluster_that_moved_in_what_counts_is_not_touched(shop: Any) -> None:
    apply(shop.state, shop.client, shop.plan("1.0.0", shop.deployment()))
    plan = shop.plan("2.0.0", shop.deployment(image=NEW), operation="upgrade")
    shop.cluster.kubectl("scale", "deployment/web", "--replicas=5", f"-n{shop.namespace}")
    with pytest.raises(ConflictError, match="replicas"):
        apply(shop.state, shop.client, plan)
    assert shop.inventory.revision == 1
    assert shop.live("deployment", "web")["spec"]["replicas"] == 5


def test_an_object_that_was_made_anew_by_somebody_is_not_touched(shop: Any) -> None:
    apply(shop.state, shop.client, shop.plan("1.0.0", shop.config(colour="red")))
    plan = shop.plan("2.0.0", shop.config(colour="blue"), operation="upgrade")
    shop.cluster.kubectl("delete", "configmap", "settings", f"-n{shop.namespace}")
    shop.client.create(shop.config(colour="red"))
    with pytest.raises(ConflictError):  # made anew by somebody else: its field is theirs now
        apply(
            shop.state,
            shop.client,
            plan,
        )


def test_a_cluster_that_moved_beside_the_plan_is_journalled(shop: Any) -> None:
    apply(shop.state, shop.client, shop.plan("1.0.0", shop.config(colour="red", size="1")))
    objects = shop.config(colour="blue", size="1")
    plan = shop.plan("2.0.0", objects, operation="upgrade")
    moved = {**shop.config(colour="red", size="2")}
    shop.client.apply(moved)  # by our own name: no conflict, but another value than the plan saw
    apply(shop.state, shop.client, plan)
    assert shop.live("configmap", "settings")["data"] == {"colour": "blue", "size": "1"}
    entry = next(e for e in shop.state.journal.entries() if e.facts.get("revision") == 2)
    assert entry.facts["moved"] == [f"ConfigMap {shop.namespace}/settings"]


def test_a_plan_for_another_cluster_is_refused(shop: Any) -> None:
    plan = msgspec.structs.replace(shop.plan("1.0.0", shop.config()), cluster="another")
    with pytest.raises(ConflictError, match="made for cluster another"):
        apply(shop.state, shop.client, plan)
    assert shop.live("configmap", "settings") is None


def test_another_plan_has_to_wait(shop: Any) -> None:
    plan = shop.plan("1.0.0", shop.deployment(stage="crash"))
    with pytest.raises(UnhealthyError):
        apply(shop.state, shop.client, plan)
    held = inventory.read(shop.client, shop.namespace, "shop")
    assert held is not None
    inventory.update(shop.client, held, inventory.change(held, state="applying"))
    other = shop.plan("9.0.0", shop.config(), operation="upgrade")
    with pytest.raises(ClusterBusyError, match="is being applied"):
        apply(shop.state, shop.client, other)


def test_drift_is_found_where_it_was_made(shop: Any) -> None:
    apply(shop.state, shop.client, shop.plan("1.0.0", shop.config(colour="red"), shop.secret()))
    assert drift.find(shop.state, shop.client, "staging", "shop").steps == ()
    patch = '{"data":{"colour":"green"}}'
    shop.cluster.kubectl("patch", "configmap", "settings", f"-n{shop.namespace}", f"-p={patch}")
    shop.cluster.kubectl("delete", "secret", "login", f"-n{shop.namespace}")
    found = drift.find(shop.state, shop.client, "staging", "shop")
    assert {(s.object.name, s.action) for s in found.steps} == {
        ("settings", "conflict"), ("login", "create"),
    }  # fmt: skip
    told = "\n".join(drift.lines(found))
    assert "green" in told
    assert "hunter2" not in told
