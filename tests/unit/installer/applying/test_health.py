from __future__ import annotations

from typing import Any

import pytest

from airferry_installer.applying.health import condition, judge, stuck


def obj(kind: str, api: str = "apps/v1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": "x", "generation": 2, **fields.pop("metadata", {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def seen(**status: Any) -> dict[str, Any]:
    return {"observedGeneration": 2, **status}


def conditions(**of: str) -> list[dict[str, str]]:
    return [{"type": kind, "status": value} for kind, value in of.items()]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"])
@pytest.mark.parametrize("status", [{}, {"observedGeneration": 1, "readyReplicas": 9}])
def test_a_status_of_an_older_generation_says_nothing(kind: str, status: dict[str, Any]) -> None:
    health = judge(obj(kind, status=status))
    assert health.state == "waiting"
    assert "newest version" in health.note


def test_an_object_that_is_going_is_not_ready() -> None:
    assert judge(obj("ConfigMap", "v1", metadata={"deletionTimestamp": "x"})).state == "waiting"


@pytest.mark.parametrize(
    ("status", "state", "note"),
    [
        ({"updatedReplicas": 1, "replicas": 3, "availableReplicas": 3}, "waiting", "1 of 3"),
        ({"updatedReplicas": 3, "replicas": 4, "availableReplicas": 3}, "waiting", "1 old"),
        ({"updatedReplicas": 3, "replicas": 3, "availableReplicas": 2}, "waiting", "2 of 3"),
        ({"updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}, "ready", ""),
    ],
)
def test_a_deployment_is_ready_when_all_new_pods_are_available(
    status: dict[str, int], state: str, note: str
) -> None:
    health = judge(obj("Deployment", spec={"replicas": 3}, status=seen(**status)))
    assert health.state == state
    assert note in health.note


def test_a_deployment_past_its_deadline_has_failed() -> None:
    late = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    assert judge(obj("Deployment", spec={}, status=seen(conditions=late))).state == "failed"


def test_a_deployment_tells_why_no_pod_is_made() -> None:
    denied = [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]
    assert (
        "exceeded quota" in judge(obj("Deployment", spec={}, status=seen(conditions=denied))).note
    )


@pytest.mark.parametrize(
    ("spec", "note"), [({"paused": True}, "paused"), ({"replicas": 0}, "zero replicas")]
)
def test_what_stays_as_it_is_is_ready_with_a_statement(spec: dict[str, Any], note: str) -> None:
    health = judge(obj("Deployment", spec=spec, status=seen()))
    assert health.ready
    assert note in health.note


@pytest.mark.parametrize(
    ("strategy", "status", "state"),
    [
        ({}, {"readyReplicas": 1}, "waiting"),
        ({}, {"readyReplicas": 2, "updatedReplicas": 1}, "waiting"),
        (
            {},
            {
                "readyReplicas": 2,
                "updatedReplicas": 2,
                "currentRevision": "a",
                "updateRevision": "b",
            },
            "waiting",
        ),
        ({}, {"readyReplicas": 2, "updatedReplicas": 2}, "ready"),
        ({"type": "OnDelete"}, {"readyReplicas": 2}, "ready"),
        ({"rollingUpdate": {"partition": 1}}, {"readyReplicas": 2, "updatedReplicas": 1}, "ready"),
        ({"rollingUpdate": {"partition": 1}}, {"readyReplicas": 2}, "waiting"),
    ],
)
def test_a_stateful_set(strategy: dict[str, Any], status: dict[str, Any], state: str) -> None:
    spec = {"replicas": 2, "updateStrategy": strategy}
    assert judge(obj("StatefulSet", spec=spec, status=seen(**status))).state == state


@pytest.mark.parametrize(
    ("counts", "state"),
    [((2, 1, 2, 2), "waiting"), ((2, 2, 1, 2), "waiting"), ((2, 2, 2, 1), "waiting"),
     ((2, 2, 2, 2), "ready"), ((0, 0, 0, 0), "ready")],
)  # fmt: skip
def test_a_daemon_set(counts: tuple[int, int, int, int], state: str) -> None:
    names = (
        "desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable", "numberReady",
    )  # fmt: skip
    status = seen(**dict(zip(names, counts, strict=True)))
    assert judge(obj("DaemonSet", spec={}, status=status)).state == state


def test_a_replica_set_counts_available_pods() -> None:
    assert not judge(obj("ReplicaSet", spec={"replicas": 1}, status=seen())).ready
    assert judge(obj("ReplicaSet", spec={"replicas": 1}, status=seen(availableReplicas=1))).ready


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"status": {"active": 1}}, "waiting"),
        ({"status": {"conditions": conditions(Complete="True")}}, "ready"),
        ({"status": {"conditions": conditions(Failed="True")}}, "failed"),
        ({"spec": {"suspend": True}}, "ready"),
    ],
)
def test_a_job(fields: dict[str, Any], state: str) -> None:
    assert judge(obj("Job", "batch/v1", **fields)).state == state


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({"phase": "Pending"}, "waiting"),
        ({"phase": "Running", "conditions": conditions(Ready="False")}, "waiting"),
        ({"phase": "Running", "conditions": conditions(Ready="True")}, "ready"),
        ({"phase": "Succeeded"}, "ready"),
        ({"phase": "Failed"}, "failed"),
    ],
)
def test_a_pod(status: dict[str, Any], state: str) -> None:
    assert judge(obj("Pod", "v1", status=status)).state == state


@pytest.mark.parametrize(
    ("reason", "restarts", "is_stuck"),
    [
        ("CrashLoopBackOff", 2, False),
        ("CrashLoopBackOff", 3, True),
        ("ImagePullBackOff", 0, True),
        ("ErrImagePull", 0, False),
        ("ContainerCreating", 0, False),
        ("CreateContainerConfigError", 0, True),
    ],
)
def test_a_pod_that_needs_help_is_known_early(reason: str, restarts: int, is_stuck: bool) -> None:
    container = {"name": "c", "restartCount": restarts, "state": {"waiting": {"reason": reason}}}
    for field in ("containerStatuses", "initContainerStatuses"):
        pod = obj("Pod", "v1", status={"phase": "Pending", field: [container]})
        assert bool(stuck(pod)) is is_stuck
        assert not is_stuck or reason in stuck(pod)


def test_a_failed_pod_tells_its_exit_code() -> None:
    ended = [{"name": "c", "state": {"terminated": {"exitCode": 7}}}]
    pod = obj("Pod", "v1", status={"phase": "Failed", "containerStatuses": ended})
    assert "container c exited with 7" in stuck(pod)


@pytest.mark.parametrize(
    ("phase", "state", "note"),
    [("Bound", "ready", ""), ("Pending", "ready", "not bound"), ("Lost", "failed", "lost")],
)
def test_a_claim(phase: str, state: str, note: str) -> None:
    health = judge(obj("PersistentVolumeClaim", "v1", status={"phase": phase}))
    assert (health.state, note in health.note) == (state, True)


def test_a_load_balancer_without_an_address_is_ready_with_a_statement() -> None:
    balancer = obj("Service", "v1", spec={"type": "LoadBalancer"}, status={})
    assert judge(balancer).ready
    assert "no address" in judge(balancer).note
    assert judge(obj("Service", "v1", spec={})).note == ""


@pytest.mark.parametrize(
    ("of", "state"),
    [
        ({}, "waiting"),
        ({"Established": "True", "NamesAccepted": "True"}, "ready"),
        ({"NamesAccepted": "False"}, "failed"),
    ],
)
def test_a_definition_must_be_established(of: dict[str, str], state: str) -> None:
    definition = obj(
        "CustomResourceDefinition",
        "apiextensions.k8s.io/v1",
        status={"conditions": conditions(**of)},
    )
    assert judge(definition).state == state


def test_a_namespace_and_an_api_service() -> None:
    assert judge(obj("Namespace", "v1", status={"phase": "Active"})).ready
    assert not judge(obj("Namespace", "v1", status={"phase": "Terminating"})).ready
    api = "apiregistration.k8s.io/v1"
    assert not judge(obj("APIService", api)).ready
    assert judge(obj("APIService", api, status={"conditions": conditions(Available="True")})).ready


@pytest.mark.parametrize(
    ("of", "state"),
    [
        ({}, "ready"),
        ({"Ready": "True"}, "ready"),
        ({"Ready": "False"}, "waiting"),
        ({"Reconciling": "True", "Ready": "True"}, "waiting"),
        ({"Stalled": "True", "Ready": "True"}, "failed"),
    ],
)
def test_other_kinds_are_read_by_their_conditions(of: dict[str, str], state: str) -> None:
    thing = obj("Shop", "shop.example/v1", status=seen(conditions=conditions(**of)))
    assert judge(thing).state == state


def test_a_custom_resource_whose_controller_lags_is_not_ready() -> None:
    status = {"observedGeneration": 1, "conditions": conditions(Ready="True")}
    assert judge(obj("Shop", "shop.example/v1", status=status)).state == "waiting"


def test_a_kind_without_status_is_ready() -> None:
    assert judge(obj("ConfigMap", "v1")).ready
    assert condition(obj("ConfigMap", "v1"), "Ready") == {}
