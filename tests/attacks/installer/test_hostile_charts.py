"""A chart, well signed, that reaches for more than an application should: the plan tells people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airferry_archive.release import Chart
from airferry_fixtures.customers import Customer
from airferry_fixtures.servers.cluster import Cluster
from airferry_fixtures.simulator import blob_of, bundle_of, image_of, product_of
from airferry_fixtures.statements import Vendor
from airferry_rendering import packing

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
    made = Customer(tmp_path)
    made.site.write_text(f"""\
customer: acme
products: [shop]
registry: {{push: "127.0.0.1:5000", plain_http: true}}
environments:
  staging:
    kubernetes: {{kubeconfig: {cluster.kubeconfig}}}
    namespaces: {{shop: {namespace}}}
""")
    assert made.init(vendor).code == 0
    return made


def bundle(folder: Path, vendor: Vendor, template: str) -> Path:
    contents = {
        "web/Chart.yaml": b"apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "web/templates/a.yaml": template.encode(),
    }
    package = blob_of(packing.pack_files(contents), repository="shop/charts/web")
    manifest = blob_of(b"{}", repository="shop/charts/web")
    chart = Chart(
        name="web", version="1.0.0", digest=manifest.digest, content=package.digest,
        release_name="web", namespace="shop",
    )  # fmt: skip
    product = product_of(images=[image_of()], blobs=[package, manifest]).changed(charts=(chart,))
    return bundle_of(folder / "shop.tar.zst", vendor, product)


def untouched(cluster: Cluster, namespace: str) -> bool:
    kinds = "deployments,pods,jobs,secrets"
    listed = json.loads(cluster.kubectl("get", kinds, f"-n{namespace}", "-ojson"))
    return listed["items"] == []


def test_what_it_reaches_for_stands_in_the_plan_by_name(
    customer: Customer, vendor: Vendor, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    file = bundle(tmp_path, vendor, HOSTILE % {"namespace": namespace})
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
    done = customer.run(
        "plan", bundle(tmp_path, vendor, FOREIGN), "-e", "staging", "-o", tmp_path / "plan.json"
    )
    assert done.code == 17, done.stderr
    assert "evil.example/miner:1" in done.stderr
    assert not (tmp_path / "plan.json").exists()
    assert untouched(cluster, namespace)
