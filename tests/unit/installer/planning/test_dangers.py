from __future__ import annotations

from typing import Any

import pytest

from airferry_installer.planning import dangers


def found(action: str, live: dict[str, Any] | None, after: dict[str, Any] | None) -> set[str]:
    return {f"{d.danger}: {d.text}" for d in dangers.of(action, live, after)}


def made(kind: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, **fields}


def pod(**spec: Any) -> dict[str, Any]:
    container = spec.pop("container", {})
    return made("Pod", spec={"containers": [{"name": "c", **container}], **spec})


@pytest.mark.parametrize(
    "kind", ["PersistentVolumeClaim", "PersistentVolume", "Namespace", "CustomResourceDefinition"]
)
def test_deleting_what_holds_data_is_a_danger(kind: str) -> None:
    (text,) = found("prune", made(kind), None)
    assert text.startswith("deletes data: ")
    assert found("prune", made("ConfigMap"), None) == set()


def test_a_stateful_set_takes_its_claims_along_only_if_it_says_so() -> None:
    policy = {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}
    assert found("prune", made("StatefulSet", spec=policy), None) == {
        "deletes data: its claims go with it (whenDeleted: Delete)"
    }
    assert found("prune", made("StatefulSet", spec={}), None) == set()


def test_a_replacement_names_the_immutable_field() -> None:
    job = made("Job", spec={})
    assert found("replace", job, job) == {
        "immutable field: a field can't be changed: deleted and made anew"
    }


def test_rights_that_are_new_are_named_one_by_one() -> None:
    old = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    new = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"]}
    named = {**old, "resourceNames": ["x"]}
    url = {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}
    live, after = made("Role", rules=[old]), made("Role", rules=[old, new, named, url])
    assert found("update", live, after) == {
        "widens rights: * of deployments.apps",
        "widens rights: get of pods named x",
        "widens rights: get of /metrics",
    }
    assert found("update", after, live) == set()
    assert found("unchanged", None, after) == set()


def test_a_binding_names_who_gets_what() -> None:
    subject = {"kind": "ServiceAccount", "namespace": "n", "name": "x"}
    role = {"kind": "ClusterRole", "name": "admin"}
    after = made("ClusterRoleBinding", subjects=[subject], roleRef=role)
    assert found("create", None, after) == {
        "widens rights: ServiceAccount n/x gets ClusterRole admin"
    }


@pytest.mark.parametrize(
    ("after", "text"),
    [
        (pod(hostNetwork=True), "host access: shares the node's network (hostNetwork)"),
        (pod(hostPID=True), "host access: shares the node's processes (hostPID)"),
        (
            pod(volumes=[{"name": "v", "hostPath": {"path": "/etc"}}]),
            "host access: mounts /etc of the node",
        ),
        (
            pod(container={"ports": [{"hostPort": 80}]}),
            "host access: container c takes port 80 of the node",
        ),
        (
            pod(container={"securityContext": {"privileged": True}}),
            "privileged: container c is privileged",
        ),
        (
            pod(container={"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
            "privileged: container c gets the capability SYS_ADMIN",
        ),
    ],
)
def test_pods_that_reach_for_the_node_are_dangers_when_they_are_new(
    after: dict[str, Any], text: str
) -> None:
    assert found("create", None, after) == {text}
    assert found("update", pod(), after) == {text}
    assert found("update", after, after) == set()


def test_a_harmless_capability_is_none() -> None:
    context = {"capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}}
    assert found("create", None, pod(container={"securityContext": context})) == set()
