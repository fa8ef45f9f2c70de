from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from airferry_fixtures.people import plan_of
from airferry_foundation import documents
from airferry_foundation.errors import (
    ApprovalError,
    ClusterBusyError,
    ClusterError,
    ConflictError,
    DocumentError,
)
from airferry_installer.applying import begin, inventory
from airferry_installer.applying.inventory import Held, Inventory, InventoryObject, Word
from airferry_installer.applying.order import identity
from airferry_installer.planning.plan import ObjectRef, Plan, Step

A, B = plan_of("1.0.0"), plan_of("2.0.0", revision=1)
WEB = ObjectRef(api_version="apps/v1", kind="Deployment", namespace="shop", name="web")
NS = ObjectRef(api_version="v1", kind="Namespace", name="shop")


class Store:
    """One Secret, with the API server's rules about resourceVersion."""

    def __init__(self) -> None:
        self.secret: dict[str, Any] | None = None
        self._versions = itertools.count(1)

    def get(self, _: ObjectRef) -> dict[str, Any] | None:
        return self.secret

    def create(self, obj: dict[str, Any]) -> dict[str, Any]:
        if self.secret is not None:
            raise ConflictError("exists already")
        return self._write(obj)

    def replace(self, obj: dict[str, Any]) -> dict[str, Any]:
        assert self.secret is not None
        if obj["metadata"]["resourceVersion"] != self.secret["metadata"]["resourceVersion"]:
            raise ConflictError("it moved")
        return self._write(obj)

    def _write(self, obj: dict[str, Any]) -> dict[str, Any]:
        metadata = {**obj["metadata"], "resourceVersion": str(next(self._versions))}
        self.secret = {**obj, "metadata": metadata}
        return self.secret


def digest(plan: Plan) -> str:
    return documents.digest_of(plan)


def started(store: Store, plan: Plan) -> Held:
    held = inventory.read(store, "shop", "shop")
    assert begin.judge(held, plan, digest(plan)) == "fresh"
    return begin.begin(store, held, plan, digest(plan), [InventoryObject(ref=WEB)])


def ended(store: Store, held: Held, state: str) -> Held:
    fields: dict[str, Any] = {"state": state}
    if state == "applied":
        was = held.inventory
        fields |= {"running": was.target, "previous": was.running, "target": None}
    return inventory.update(store, held, inventory.change(held, **fields))


@pytest.fixture
def store() -> Store:
    return Store()


def test_the_first_apply_takes_revision_one(store: Store) -> None:
    held = started(store, A)
    assert held.inventory.revision == 1
    assert held.inventory.state == "applying"
    assert held.inventory.target is not None
    assert held.inventory.target.version == "1.0.0"
    assert held.inventory.has_consumed(digest(A)) == 1
    assert inventory.read(store, "shop", "shop") == held


def test_a_plan_for_a_later_revision_does_not_fit_an_empty_environment() -> None:
    with pytest.raises(ConflictError, match="revision 0 now"):
        begin.judge(None, B, digest(B))


@pytest.mark.parametrize(("state", "turn"), [("applying", "resume"), ("failed", "resume"),
                                             ("applied", "done")])  # fmt: skip
def test_the_same_plan_goes_on(store: Store, state: str, turn: str) -> None:
    held = ended(store, started(store, A), state)
    assert begin.judge(held, A, digest(A)) == turn


def test_another_plan_waits_while_one_is_applied(store: Store) -> None:
    held = started(store, A)
    other = plan_of("9.0.0")
    with pytest.raises(ClusterBusyError, match="is being applied"):
        begin.judge(held, other, digest(other))


def test_two_installers_can_not_both_begin(store: Store) -> None:
    started(store, A)
    with pytest.raises(ClusterBusyError, match="just now"):
        begin.begin(store, None, plan_of("9.0.0"), digest(plan_of("9.0.0")), ())


def test_two_installers_can_not_both_begin_an_upgrade(store: Store) -> None:
    held = ended(store, started(store, A), "applied")
    begin.begin(store, held, B, digest(B), ())
    with pytest.raises(ClusterBusyError):
        begin.begin(store, held, B, digest(B), ())


def test_a_plan_never_fits_twice(store: Store) -> None:
    """A -> B -> A, then B's approval again: the revision moved."""
    ended(store, started(store, A), "applied")
    ended(store, started(store, B), "applied")
    back = plan_of("1.0.0", revision=2)
    held = ended(store, started(store, back), "applied")
    for plan in (A, B):
        with pytest.raises(ApprovalError, match="used up"):
            begin.judge(held, plan, digest(plan))


def test_a_plan_that_was_made_too_early_is_refused(store: Store) -> None:
    held = ended(store, started(store, A), "applied")
    stale = plan_of("3.0.0")
    with pytest.raises(ConflictError, match="revision 1 now"):
        begin.judge(held, stale, digest(stale))


@pytest.mark.parametrize("state", ["backed-out", "backing-out"])
def test_a_plan_that_was_backed_out_can_not_come_again(store: Store, state: str) -> None:
    held = ended(store, started(store, A), state)
    with pytest.raises(ApprovalError, match="used up"):
        begin.judge(held, A, digest(A))


def test_a_failed_change_leaves_room_for_the_next_plan(store: Store) -> None:
    held = ended(store, started(store, A), "failed")
    mended = plan_of("1.0.1", revision=1)
    assert begin.judge(held, mended, digest(mended)) == "fresh"


def test_the_inventory_of_another_environment_is_left_alone(store: Store) -> None:
    held = ended(store, started(store, A), "applied")
    other = plan_of(environment="staging", revision=1)
    with pytest.raises(ConflictError, match="not shop in"):
        begin.judge(held, other, digest(other))


def test_what_was_there_before_is_adopted() -> None:
    steps = (
        Step(object=WEB, action="create", phase="workloads"),
        Step(object=NS, action="update", phase="namespaces", uid="u1"),
    )
    plan = msgspec.structs.replace(A, steps=steps)
    found = {identity(o.ref): o for o in begin.planned(plan, None, [WEB, NS])}
    assert not found[identity(WEB)].adopted
    assert found[identity(NS)].adopted
    assert found[identity(NS)].uid == "u1"


def test_what_the_inventory_knows_stays_ours(store: Store) -> None:
    held = started(store, A)
    steps = (Step(object=WEB, action="update", phase="workloads", uid="u2"),)
    plan = msgspec.structs.replace(B, steps=steps)
    assert begin.planned(plan, held, [WEB]) == [InventoryObject(ref=WEB)]


def test_another_version_of_an_api_is_the_same_object() -> None:
    old = msgspec.structs.replace(WEB, api_version="apps/v1beta1")
    assert begin.merged([InventoryObject(ref=old)], [InventoryObject(ref=WEB, uid="u")]) == (
        InventoryObject(ref=WEB, uid="u"),
    )


def test_uids_are_taken_over() -> None:
    objects = [InventoryObject(ref=WEB), InventoryObject(ref=NS, uid="old", adopted=True)]
    web, namespace = begin.with_uids(objects, {identity(WEB): "new"})
    assert web.uid == "new"
    assert namespace == objects[1]


def test_a_product_with_an_underscore_has_a_name_of_its_own() -> None:
    names = {inventory.secret_name(product) for product in ("a_b", "a-b", "a.b")}
    assert len(names) == 3
    assert not any("_" in name for name in names)


def test_an_inventory_that_is_too_large_is_refused(store: Store) -> None:
    objects = tuple(
        InventoryObject(ref=msgspec.structs.replace(WEB, name=f"web-{n}"), uid="u" * 36)
        for n in range(10_000)
    )
    with pytest.raises(ClusterError, match="10000 objects"):
        begin.begin(store, None, A, digest(A), objects)
    assert store.secret is None


def test_a_damaged_inventory_is_named(store: Store) -> None:
    started(store, A)
    assert store.secret is not None
    store.secret["data"] = {"inventory.json": "bm9uc2Vuc2U="}
    with pytest.raises(DocumentError, match="Secret shop/airferry-inventory-shop"):
        inventory.read(store, "shop", "shop")
    store.secret["data"] = {}
    with pytest.raises(ClusterError, match="holds no inventory"):
        inventory.read(store, "shop", "shop")


def test_old_consumed_plans_fall_off() -> None:
    found = Inventory(
        schema="airferry.inventory/v1", product="shop", environment="p", revision=1, state="applied"
    )
    for number in range(600):
        found = msgspec.structs.replace(
            found, consumed=found.consuming(documents.digest_of(number), number)
        )
    assert len(found.consumed) == 500
    assert found.has_consumed(documents.digest_of(599)) == 599


def test_the_newest_word_of_the_vendor_stays(store: Store) -> None:
    first, later = Word(epoch=1, sequence=9), Word(epoch=2)
    held = begin.begin(store, None, A, digest(A), (), first)
    assert held.inventory.word == first
    plans = [plan_of(f"{n}.0.0", revision=n) for n in (1, 2, 3)]
    for plan, word, expected in zip(
        plans, (later, first, None), (later, later, later), strict=True
    ):
        held = begin.begin(store, held, plan, digest(plan), (), word)
        assert held.inventory.word == expected
