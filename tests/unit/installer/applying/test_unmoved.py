from __future__ import annotations

import msgspec
import pytest

from airferry_fixtures.people import plan_of
from airferry_foundation.digests import digest
from airferry_foundation.errors import ConflictError
from airferry_installer.applying.unmoved import check, check_plan, movement
from airferry_installer.planning.plan import (
    Conflict,
    FieldChange,
    ObjectRef,
    Plan,
    PlannedDanger,
    Step,
)

WEB = ObjectRef(api_version="apps/v1", kind="Deployment", namespace="shop", name="web")
SECRET = ObjectRef(api_version="v1", kind="Secret", namespace="shop", name="login")
IMAGE = FieldChange(path="/spec/image", before='"a"', after='"b"')


def plan(*steps: Step) -> Plan:
    return msgspec.structs.replace(plan_of(), steps=steps)


def step(ref: ObjectRef = WEB, **fields: object) -> Step:
    return msgspec.structs.replace(
        Step(object=ref, action="update", phase="workloads", fields=(IMAGE,)), **fields
    )


def test_the_same_plan_has_not_moved() -> None:
    assert check(plan(step()), plan(step())) == ()


def test_a_moved_object_with_the_same_actions_and_dangers_stands_and_is_told() -> None:
    moved = step(live=digest(b"moved"), fields=())
    assert check(plan(step()), plan(moved)) == ("Deployment shop/web",)


def test_another_version_of_an_api_is_the_same_object() -> None:
    ref = msgspec.structs.replace(WEB, api_version="apps/v1beta1")
    assert movement(plan(step()), plan(step(ref))).serious == ()


@pytest.mark.parametrize(
    ("fresh", "told"),
    [
        ([], "nothing is left to do"),
        (
            [step(), step(SECRET, action="create")],
            "Secret shop/login: not in the plan, now: create",
        ),
        ([step(action="replace")], "planned update, now replace"),
        (
            [step(dangers=(PlannedDanger(danger="privileged", text="c is privileged"),))],
            "privileged: c is privileged",
        ),
        (
            [step(action="conflict", conflicts=(Conflict(path=".spec.replicas", manager="hpa"),))],
            ".spec.replicas is owned by hpa now",
        ),
        (
            [step(action="unchanged", fields=(FieldChange(path="/spec/x", before="1"),))],
            "/spec/x is 1 now, would be gone",
        ),
    ],
)
def test_what_was_not_agreed_to_is_refused_and_told(fresh: list[Step], told: str) -> None:
    with pytest.raises(ConflictError) as caught:
        check(plan(step()), plan(*fresh))
    assert told in caught.value.message
    assert "nothing was changed" in caught.value.message


def test_a_danger_that_went_away_needs_a_new_plan_too() -> None:
    risky = step(dangers=(PlannedDanger(danger="privileged", text="c"),))
    with pytest.raises(ConflictError, match="no more: privileged"):
        check(plan(risky), plan(step()))


def test_a_secret_value_is_never_told() -> None:
    old = step(SECRET, action="unchanged", fields=())
    field = FieldChange(path="/data/x", before="hmac:11", after="hmac:22", secret=True)
    with pytest.raises(ConflictError) as caught:
        check(plan(old), plan(step(SECRET, fields=(field,))))
    assert "/data/x is another secret now" in caught.value.message
    assert "hmac" not in caught.value.message


def test_hooks_of_one_name_are_told_apart_by_their_moment() -> None:
    one = step(action="run", hook="pre-install")
    both = movement(plan(one), plan(msgspec.structs.replace(one, hook="post-install")))
    assert len(both.serious) == 2


def test_a_plan_with_conflicts_is_not_begun() -> None:
    blocked = step(action="conflict", conflicts=(Conflict(path=".spec.replicas", manager="hpa"),))
    check_plan(plan(step()))
    with pytest.raises(ConflictError, match=r"\.spec\.replicas is owned by hpa"):
        check_plan(plan(step(), blocked))
