"""A plan's digest changes with anything that people agree to; changes are told, secrets are not."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_installer.planning import changes, views
from airferry_installer.planning.plan import FieldChange, ObjectRef, Plan, Step
from airferry_installer.planning.sealed_values import Mask
from airferry_rendering.pointers import join, leaves, put

MASK = Mask(b"k" * 32)
words = st.text("abcdefgh<&\"'\x1b\u202e", min_size=1, max_size=8)
refs = st.builds(ObjectRef, api_version=st.just("v1"), kind=words, namespace=words, name=words)
fields = st.builds(
    FieldChange, path=words, before=st.none() | words, after=st.none() | words, secret=st.booleans()
)
steps = st.builds(
    Step,
    object=refs,
    action=st.sampled_from(["create", "update", "unchanged", "prune", "run", "conflict"]),
    phase=st.sampled_from(["config", "workloads"]),
    fields=st.lists(fields, max_size=3).map(tuple),
    live=st.none() | st.just(digest(b"live")),
    tried=st.booleans(),
)
plans = st.builds(
    Plan,
    schema=st.just("airferry.plan/v1"),
    operation=st.sampled_from(["install", "upgrade", "rollback"]),
    customer=st.just("acme"),
    environment=st.just("production"),
    product=st.just("shop"),
    version=st.just("1.0.0"),
    release=st.just(digest(b"r")),
    release_counter=st.integers(1, 9),
    epoch=st.just(1),
    rendered=st.just(digest(b"x")),
    inputs=st.just(digest(b"i")),
    cluster=words,
    kubernetes=words,
    revision=st.integers(0, 9),
    running=st.none(),
    policy=st.none(),
    steps=st.lists(steps, max_size=4).map(tuple),
    images=st.just(()),
    values=st.just(()),
    read=st.lists(words, max_size=2).map(tuple),
    irreversible=st.just(()),
    namespace=words,
)
data = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=10,
)


def made(spec: Any, kind: str = "Thing") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "uid": "u"}, "spec": spec}


@given(plans)
def test_a_plan_is_read_back_as_it_was_written(plan: Plan) -> None:
    data = documents.encode(plan)
    assert documents.decode(data, Plan, name="plan.json", cap=1 << 20, text="any") == plan


@given(plans, plans)
def test_two_plans_have_one_digest_only_if_they_are_the_same(a: Plan, b: Plan) -> None:
    assert (documents.digest_of(a) == documents.digest_of(b)) == (a == b)


@given(plans, st.data())
def test_any_change_of_one_step_changes_the_digest(plan: Plan, draw: st.DataObject) -> None:
    if not plan.steps:
        return
    position = draw.draw(st.integers(0, len(plan.steps) - 1))
    other = draw.draw(steps.filter(lambda s: s != plan.steps[position]))
    changed = (*plan.steps[:position], other, *plan.steps[position + 1 :])
    moved = msgspec.structs.replace(plan, steps=changed)
    assert documents.digest_of(moved) != documents.digest_of(plan)


@given(plans)
def test_every_plan_can_be_shown_and_nothing_breaks_out_of_the_page(plan: Plan) -> None:
    assert list(views.text(plan))
    page = views.html(plan)
    assert page.count("<html") == page.count("</html>") == 1
    assert "<&" not in page


@given(data)
def test_an_object_does_not_differ_from_itself(spec: Any) -> None:
    assert changes.between(made(spec), made(spec), MASK) == ()


@given(data, data)
def test_objects_that_differ_have_a_change(a: Any, b: Any) -> None:
    same = documents.encode(a) == documents.encode(b)
    assert (changes.between(made(a), made(b), MASK) == ()) == same


@given(st.dictionaries(words, st.binary(min_size=6, max_size=20), min_size=1, max_size=3))
def test_no_secret_is_ever_told(values: dict[str, bytes]) -> None:
    encoded = {key: base64.b64encode(value).decode() for key, value in values.items()}
    secret = {**made(None, "Secret"), "data": encoded}
    empty = {**made(None, "Secret"), "data": {}}
    told = documents.encode(changes.between(empty, secret, MASK)).decode()
    assert not any(text in told for text in encoded.values())


@given(data, st.integers(100, 200))
def test_the_owned_digest_follows_each_field_that_the_release_sets(spec: Any, other: int) -> None:
    desired = made([spec])
    base = changes.owned_digest(desired, desired, MASK, ())
    for way, _ in leaves([spec], ("spec",)):
        live = msgspec.convert(msgspec.to_builtins(desired), dict)
        put(live, join(way), other)
        assert changes.owned_digest(live, desired, MASK, ()) != base
        pointer = join(way)
        kept = changes.owned_digest(live, desired, MASK, [pointer])
        assert kept == changes.owned_digest(desired, desired, MASK, [pointer])


@given(data, data)
def test_what_the_release_does_not_set_does_not_count(spec: Any, extra: Any) -> None:
    desired = made(spec)
    live = {**desired, "theirs": extra, "status": extra}
    base = changes.owned_digest(desired, desired, MASK, ())
    assert changes.owned_digest(live, desired, MASK, ()) == base
