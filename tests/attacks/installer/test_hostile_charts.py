"""A chart, well signed, that reaches for more than an application should: the plan tells people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airferry_fixtures.charted import charted_bundle, planner_of
from airferry_fixtures.customers import Customer
from airferry_fixtures.servers.cluster import Cluster
from airferry_fixtures.statements import Vendor

pytestmark = [pytest.mark.cluster, pytest.mark.program("helm")]

HOSTILE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      hostNetwork: true
      containers:
        - name: web
          image: "acme/web:1.0"
          securityContext: {privileged: true}
          volumeMounts: [{name: host, mountPath: /host}]
      volumes: [{name: host, hostPath: {path: /}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: %(namespace)s-all}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: seize, annotations: {helm.sh/hook: pre-install}}
spec:
  template: {spec: {restartPolicy: Never, containers: [{name: a, image: "acme/web:1.0"}]}}
"""
FOREIGN = """\
apiVersion: v1
kind: Pod
metadata: {name: miner}
spec: {containers: [{name: a, image: "evil.example/miner:1"}]}
"""


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def customer(tmp_path: Path, cluster: Cluster, namespace: str, vendor: Vendor) -> Customer:
    made = planner_of(tmp_path, cluster, namespace)
    ran = made.init(vendor)
    assert ran.code == 0, ran.stderr
    return made


def untouched(cluster: Cluster, namespace: str) -> bool:
    kinds = "deployments,pods,jobs,secrets"
    listed = json.loads(cluster.kubectl("get", kinds, f"-n{namespace}", "-ojson"))
    return listed["items"] == []


def test_what_it_reaches_for_stands_in_the_plan_by_name(
    customer: Customer, vendor: Vendor, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    file = charted_bundle(tmp_path, vendor, HOSTILE % {"namespace": namespace})
    done = customer.run("plan", file, "-e", "staging", "-o", tmp_path / "plan.json")
    assert done.code == 0, done.stderr
    for danger in ("privileged", "host", "ClusterRole"):
        assert danger in done.stdout
    steps = json.loads((tmp_path / "plan.json").read_bytes())["steps"]
    kinds = {one["danger"] for step in steps for one in step.get("dangers", [])}
    assert {"privileged", "host access", "widens rights"} <= kinds
    assert "seize" in done.stdout, "a hook is told, before it can run"
    assert untouched(cluster, namespace)


def test_an_image_from_outside_is_refused(
    customer: Customer, vendor: Vendor, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    file = charted_bundle(tmp_path, vendor, FOREIGN)
    done = customer.run("plan", file, "-e", "staging", "-o", tmp_path / "plan.json")
    assert done.code == 17, done.stderr
    assert "evil.example/miner:1" in done.stderr
    assert not (tmp_path / "plan.json").exists()
    assert untouched(cluster, namespace)
