from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from airferry_fixtures.servers.cluster import Cluster
from airferry_fixtures.servers.programs import program

pytestmark = pytest.mark.cluster
_WAIT = "--timeout=30s"


def container(stage: str | None) -> dict[str, Any]:
    annotations = {"airferry.test/stage": stage} if stage else {}
    return {
        "metadata": {"labels": {"app": "x"}, "annotations": annotations},
        "spec": {"containers": [{"name": "x", "image": "example.test/x:1"}]},
    }


def create(cluster: Cluster, namespace: str, document: dict[str, Any]) -> None:
    cluster.kubectl("create", "-n", namespace, "-f", "-", stdin=json.dumps(document).encode())


def job(stage: str | None) -> dict[str, Any]:
    template = container(stage)
    template["spec"]["restartPolicy"] = "Never"
    spec = {"template": template, "backoffLimit": 0}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"}, "spec": spec}


def pod(stage: str) -> dict[str, Any]:
    described = container(stage)
    described["metadata"]["name"] = "x"
    return {"apiVersion": "v1", "kind": "Pod", **described}


def test_a_deployment_rolls_out(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "deployment", "x", "--image=x", "--replicas=3", "-n", namespace)
    cluster.kubectl("rollout", "status", "deployment/x", "-n", namespace, _WAIT)
    assert cluster.get("deployment", "x", "-n", namespace)["status"]["readyReplicas"] == 3


def test_a_stateful_set_gets_its_claim_bound(cluster: Cluster, namespace: str) -> None:
    spec = {
        "serviceName": "x",
        "selector": {"matchLabels": {"app": "x"}},
        "template": container(None),
        "volumeClaimTemplates": [
            {
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }
        ],
    }
    metadata = {"name": "x"}
    described = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}
    create(cluster, namespace, described)
    cluster.kubectl("rollout", "status", "statefulset/x", "-n", namespace, _WAIT)
    assert cluster.get("pvc", "data-x-0", "-n", namespace)["status"]["phase"] == "Bound"


def test_a_volume_goes_with_its_claim(cluster: Cluster, namespace: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "x"}}
    create(cluster, namespace, {**claim, "spec": spec})
    bound = "--for=jsonpath={.status.phase}=Bound"
    cluster.kubectl("wait", "pvc/x", bound, "-n", namespace, _WAIT)
    volume = cluster.get("pvc", "x", "-n", namespace)["spec"]["volumeName"]
    cluster.kubectl("delete", "pvc/x", "-n", namespace, _WAIT)
    cluster.kubectl("wait", f"pv/{volume}", "--for=delete", _WAIT)


@pytest.mark.parametrize(("stage", "condition"), [(None, "Complete"), ("fail", "Failed")])
def test_jobs_end_as_their_stage_says(
    cluster: Cluster, namespace: str, stage: str | None, condition: str
) -> None:
    create(cluster, namespace, job(stage))
    cluster.kubectl("wait", "job/x", f"--for=condition={condition}", "-n", namespace, _WAIT)


def test_a_job_that_is_never_ready_hangs(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, job("never-ready"))
    running = "--for=jsonpath={.status.phase}=Running"
    cluster.kubectl("wait", "pod", "-l", "job-name=x", "--for=create", "-n", namespace, _WAIT)
    cluster.kubectl("wait", "pod", "-l", "job-name=x", running, "-n", namespace, _WAIT)
    assert "succeeded" not in cluster.get("job", "x", "-n", namespace)["status"]


def test_a_crashing_pod_says_so(cluster: Cluster, namespace: str) -> None:
    create(cluster, namespace, pod("crash"))
    running = "--for=jsonpath={.status.phase}=Running"
    cluster.kubectl("wait", "pod/x", running, "-n", namespace, _WAIT)
    status = cluster.get("pod", "x", "-n", namespace)["status"]["containerStatuses"][0]
    assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["restartCount"] == 5


def test_a_limited_user_may_do_what_rbac_grants(cluster: Cluster, namespace: str) -> None:
    limited = cluster.kubeconfig_for("ann", ["readers"])
    ask = [str(program("kubectl")), f"--kubeconfig={limited}", "get", "pods", "-n", namespace]
    refused = subprocess.run(ask, capture_output=True, check=False, text=True)
    assert 'User "ann" cannot list' in refused.stderr
    cluster.kubectl(
        "create", "rolebinding", "r", "--clusterrole=view", "--group=readers", "-n", namespace
    )
    assert subprocess.run(ask, capture_output=True, check=False).returncode == 0


def test_namespaces_go_when_they_are_deleted(cluster: Cluster) -> None:
    cluster.kubectl("create", "namespace", "gone")
    cluster.kubectl("create", "deployment", "x", "--image=x", "-n", "gone")
    cluster.kubectl("delete", "namespace", "gone", _WAIT)
