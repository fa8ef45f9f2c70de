from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from airferry_installer.applying.order import identity, ref_of, removal, same, shown, stages
from airferry_installer.planning.plan import ObjectRef
from airferry_rendering.phases import PHASES


@dataclass(frozen=True)
class Item:
    phase: str
    name: str = ""


def ref(api: str, kind: str, name: str = "x", namespace: str = "shop") -> ObjectRef:
    return ObjectRef(api_version=api, kind=kind, namespace=namespace, name=name)


@given(st.lists(st.builds(Item, st.sampled_from(PHASES), st.text(max_size=2))))
def test_stages_hold_every_object_once_in_the_order_of_phases(items: list[Item]) -> None:
    found = stages(items)
    order = [PHASES.index(stage.phase) for stage in found]
    assert order == sorted(set(order))
    assert all(
        stage.objects == tuple(i for i in items if i.phase == stage.phase) for stage in found
    )
    assert sum(len(stage.objects) for stage in found) == len(items)


def test_workloads_are_waited_for_and_config_is_not() -> None:
    waits = {stage.phase: stage.waits for stage in stages([Item(phase) for phase in PHASES])}
    assert waits["workloads"]
    assert waits["crds"]
    assert not waits["config"]


def test_hooks_are_told_from_objects() -> None:
    hooks = [stage.phase for stage in stages([Item(phase) for phase in PHASES]) if stage.is_hooks]
    assert hooks == ["pre-hooks", "post-hooks"]


def test_a_removal_goes_backwards() -> None:
    refs = [
        ref("v1", "Namespace", "shop", ""),
        ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", "shops.x", ""),
        ref("v1", "ConfigMap"),
        ref("apps/v1", "Deployment"),
        ref("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "w", ""),
        ref("shop.example/v1", "Shop"),
    ]
    kinds = [found.kind for found in removal(refs)]
    assert kinds == [
        "Shop", "ValidatingWebhookConfiguration", "Deployment", "ConfigMap",
        "CustomResourceDefinition", "Namespace",
    ]  # fmt: skip


def test_an_object_is_the_same_in_two_versions_of_its_api() -> None:
    assert same(ref("apps/v1", "Deployment"), ref("apps/v1beta1", "Deployment"))
    assert not same(ref("apps/v1", "Deployment"), ref("extensions/v1", "Deployment"))
    assert identity(ref("v1", "Secret")) == ("", "Secret", "shop", "x")


def test_an_object_is_shown_with_its_namespace_if_it_has_one() -> None:
    assert shown(ref("v1", "Secret")) == "Secret shop/x"
    assert shown(ref("v1", "Namespace", "shop", "")) == "Namespace shop"


def test_the_reference_of_a_body() -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "shop"}}
    assert ref_of(body) == ref("v1", "Secret")
