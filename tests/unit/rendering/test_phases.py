from __future__ import annotations

from typing import Any

import pytest

from airferry_foundation.errors import ChartError
from airferry_rendering.hooks import Hook, hook_of
from airferry_rendering.phases import PHASES, order_of, order_of_hook, phase_of


def made(api_version: str, kind: str, name: str = "a", **annotations: str) -> dict[str, Any]:
    metadata = {"name": name, "annotations": annotations}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


@pytest.mark.parametrize(
    ("api_version", "kind", "phase"),
    [
        ("v1", "Namespace", "namespaces"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "crds"),
        ("v1", "Secret", "config"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "config"),
        ("apps/v1", "StatefulSet", "workloads"),
        ("v1", "Service", "workloads"),
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhooks"),
        ("shop.example/v1", "Service", "custom-resources"),
        ("gateway.networking.k8s.io/v1", "Gateway", "custom-resources"),
    ],
)
def test_each_kind_has_its_phase(api_version: str, kind: str, phase: str) -> None:
    assert phase_of(made(api_version, kind)) == phase


def test_within_a_phase_helms_order_of_kinds_holds() -> None:
    objects = [
        made("apps/v1", "Deployment", "a"),
        made("v1", "ConfigMap", "b"),
        made("v1", "ServiceAccount", "z"),
        made("v1", "ConfigMap", "a"),
        made("v1", "Service", "z"),
    ]
    ordered = sorted(objects, key=order_of)
    names = [(obj["kind"], obj["metadata"]["name"]) for obj in ordered]
    assert names == [
        ("ServiceAccount", "z"),
        ("ConfigMap", "a"),
        ("ConfigMap", "b"),
        ("Service", "z"),
        ("Deployment", "a"),
    ]


def test_a_hook_is_read_from_its_annotations() -> None:
    obj = made(
        "batch/v1",
        "Job",
        **{
            "helm.sh/hook": "pre-install, pre-upgrade",
            "helm.sh/hook-weight": "-5",
            "helm.sh/hook-delete-policy": "hook-succeeded",
        },
    )
    hook = hook_of(obj)
    assert hook == Hook(
        events=("pre-install", "pre-upgrade"), weight="-5", delete_policies=("hook-succeeded",)
    )
    assert hook.order == -5
    assert hook.runs_in("install", "pre")
    assert not hook.runs_in("install", "post")
    assert not hook.deletes_before
    assert phase_of(obj, hook) == "pre-hooks"


def test_an_object_without_the_annotation_is_no_hook() -> None:
    assert hook_of(made("v1", "Pod")) is None


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({"helm.sh/hook": "pre-instal"}, "'pre-instal' is no Helm hook event"),
        ({"helm.sh/hook": "test", "helm.sh/hook-weight": "first"}, "weight 'first'"),
    ],
)
def test_a_hook_that_helm_does_not_know_is_refused(annotations: dict[str, str], said: str) -> None:
    with pytest.raises(ChartError, match=said):
        hook_of(made("v1", "Pod", "a", **annotations))


def test_hooks_run_by_weight_then_name() -> None:
    hooks = [("b", "0"), ("a", "5"), ("a", "0"), ("z", "-1")]
    keys = [
        order_of_hook(made("v1", "Pod", name), Hook(events=("pre-install",), weight=weight), 0)
        for name, weight in hooks
    ]
    ordered = [hooks[keys.index(key)] for key in sorted(keys)]
    assert ordered == [("z", "-1"), ("a", "0"), ("b", "0"), ("a", "5")]


def test_the_phases_are_in_the_order_of_an_apply() -> None:
    assert PHASES.index("crds") < PHASES.index("pre-hooks") < PHASES.index("workloads")
    assert PHASES.index("workloads") < PHASES.index("custom-resources") < len(PHASES) - 1
