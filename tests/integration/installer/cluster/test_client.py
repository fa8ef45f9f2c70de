from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airferry_fixtures.servers.cluster import Cluster
from airferry_foundation.errors import (
    ClusterDeniedError,
    ClusterError,
    ClusterUnreachableError,
    ConflictError,
    ObjectRefusedError,
)
from airferry_installer.cluster.client import (
    ClusterClient,
    FieldConflictError,
    ImmutableFieldError,
    connect,
)
from airferry_installer.planning.plan import ObjectRef
from airferry_installer.site import Kubernetes

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[ClusterClient]:
    with connect(Kubernetes(kubeconfig=str(cluster.kubeconfig)), Path()) as connected:
        yield connected


def config_map(namespace: str, name: str = "a", **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def ref(namespace: str, name: str = "a", kind: str = "ConfigMap", api: str = "v1") -> ObjectRef:
    return ObjectRef(api_version=api, kind=kind, namespace=namespace, name=name)


def deployment(namespace: str, app: str = "x") -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "x", "image": "x:1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x", "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": app}}, "template": template},
    }


def test_the_server_says_what_it_is(client: ClusterClient, cluster: Cluster) -> None:
    assert client.version().startswith("v1.")
    assert client.uid() == cluster.get("namespace", "kube-system")["metadata"]["uid"]


def test_kinds_are_discovered(client: ClusterClient) -> None:
    versions = client.api_versions()
    assert {"v1", "v1/Secret", "apps/v1", "apps/v1/Deployment"} <= set(versions)
    assert list(versions) == sorted(versions)
    found = client.resource("apps/v1", "Deployment")
    assert found is not None
    assert found.path("n", "a") == "/apis/apps/v1/namespaces/n/deployments/a"
    assert client.resource("shop.example/v1", "Nothing") is None


def test_objects_are_applied_read_listed_and_deleted(client: ClusterClient, namespace: str) -> None:
    assert client.get(ref(namespace)) is None
    client.apply(config_map(namespace, key="1"))
    found = client.get(ref(namespace))
    assert found is not None
    assert found["data"] == {"key": "1"}
    (listed,) = [o for o in client.list("v1", "ConfigMap", namespace) if "key" in o["data"]]
    assert listed["kind"] == "ConfigMap"
    with pytest.raises(ConflictError):
        client.delete(ref(namespace), uid="00000000-0000-0000-0000-000000000000")
    assert client.delete(ref(namespace), uid=found["metadata"]["uid"])
    assert not client.delete(ref(namespace))


def test_long_lists_come_in_pages(
    client: ClusterClient, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airferry_installer.cluster.client._PAGE", 2)
    for number in range(5):
        made = config_map(namespace, f"c{number}")
        made["metadata"]["labels"] = {"mine": "yes"}
        client.create(made)
    assert len(client.list("v1", "ConfigMap", namespace, "mine=yes")) == 5


def test_a_dry_run_changes_nothing(client: ClusterClient, namespace: str) -> None:
    tried = client.apply(config_map(namespace, key="1"), dry_run=True)
    assert tried["data"] == {"key": "1"}
    assert client.get(ref(namespace)) is None


def test_a_conflict_names_managers_and_fields(client: ClusterClient, namespace: str) -> None:
    client.apply(config_map(namespace, key="theirs"), manager="colleague")
    with pytest.raises(FieldConflictError) as caught:
        client.apply(config_map(namespace, key="ours"))
    (conflict,) = caught.value.conflicts
    assert (conflict.path, conflict.manager) == (".data.key", "colleague")
    assert isinstance(caught.value, ConflictError)
    assert client.apply(config_map(namespace, key="ours"), force=True)["data"] == {"key": "ours"}


def test_what_exists_or_moved_is_not_written_over(client: ClusterClient, namespace: str) -> None:
    made = client.create(config_map(namespace))
    with pytest.raises(ConflictError):
        client.create(config_map(namespace))
    client.replace({**made, "data": {"a": "1"}})
    with pytest.raises(ConflictError):
        client.replace({**made, "data": {"a": "2"}})
    patched = client.patch(ref(namespace), {"data": {"a": "3"}})
    assert patched["data"] == {"a": "3"}


def test_an_immutable_field_is_told_apart(client: ClusterClient, namespace: str) -> None:
    client.apply(deployment(namespace))
    with pytest.raises(ImmutableFieldError, match=r"Deployment .*/x: .*immutable"):
        client.apply(deployment(namespace, "y"), force=True, dry_run=True)


def test_a_wrong_object_is_refused(client: ClusterClient, namespace: str) -> None:
    wrong = deployment(namespace)
    del wrong["spec"]["template"]["spec"]["containers"]
    with pytest.raises(ObjectRefusedError, match="containers"):
        client.apply(wrong)
    with pytest.raises(ObjectRefusedError, match="not declared in schema"):
        client.apply({**config_map(namespace), "nothing": "x"})


def test_a_kind_that_is_not_served_is_named(client: ClusterClient, namespace: str) -> None:
    promotion = {**config_map(namespace), "apiVersion": "shop.example/v1", "kind": "Nothing"}
    with pytest.raises(ClusterError, match=r"Nothing of shop\.example/v1"):
        client.apply(promotion)
    assert client.get(ref(namespace, kind="Nothing", api="shop.example/v1")) is None
    assert not client.delete(ref(namespace, kind="Nothing", api="shop.example/v1"))


def test_a_kind_that_comes_later_is_found(client: ClusterClient, cluster: Cluster) -> None:
    assert client.resource("later.example/v1", "Later") is None
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Later", "plural": "laters"}
    spec = {"group": "later.example", "scope": "Cluster", "names": names, "versions": [version]}
    client.apply(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "laters.later.example"},
            "spec": spec,
        }
    )
    deadline = time.monotonic() + 20
    while client.resource("later.example/v1", "Later") is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    cluster.kubectl("delete", "crd", "laters.later.example")


def test_events_and_rights_are_told(client: ClusterClient, namespace: str) -> None:
    assert client.events(namespace, "00000000-0000-0000-0000-000000000000") == []
    assert client.logs(namespace, "no-such-pod", "c") == ""
    assert client.allowed("patch", "apps/v1", "Deployment", namespace)


def test_many_threads_may_ask_at_once(client: ClusterClient, namespace: str) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = [config_map(namespace, f"c{n}", n=str(n)) for n in range(100)]
        answers = list(pool.map(client.apply, made))
    assert [answer["data"]["n"] for answer in answers] == [str(n) for n in range(100)]


def test_a_missing_right_is_named(cluster: Cluster, namespace: str) -> None:
    limited = Kubernetes(kubeconfig=str(cluster.kubeconfig_for("bob")))
    with connect(limited, Path()) as client:
        with pytest.raises(ClusterDeniedError, match=r"no right to get ConfigMap .*bob"):
            client.get(ref(namespace))
        assert not client.allowed("patch", "apps/v1", "Deployment", namespace)
        with pytest.raises(ClusterDeniedError):
            client.uid()


def test_a_cluster_without_kube_system_rights_is_known_by_its_namespace(
    cluster: Cluster, namespace: str
) -> None:
    rule = ("--clusterrole=view", "--user=tenant", "-n", namespace)
    cluster.kubectl("create", "rolebinding", "tenant", *rule)
    with connect(Kubernetes(kubeconfig=str(cluster.kubeconfig_for("tenant"))), Path()) as client:
        uid = cluster.get("namespace", namespace)["metadata"]["uid"]
        assert client.uid(namespace) == f"namespace:{uid}"


def test_wrong_credentials_are_refused(cluster: Cluster, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    text = cluster.kubeconfig.read_text()
    wrong.write_text(text.replace("airferry-test-admin", "no-such-token"))
    with (
        pytest.raises(ClusterDeniedError, match="does not know these credentials"),
        connect(Kubernetes(kubeconfig="wrong"), tmp_path),
    ):
        pass


def test_no_cluster_is_an_error_with_a_next_step(cluster: Cluster, tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    dead.write_text(cluster.kubeconfig.read_text().replace(cluster.url, "https://127.0.0.1:1"))
    for kubernetes in (
        Kubernetes(kubeconfig=str(dead)),
        Kubernetes(kubeconfig=str(cluster.kubeconfig), context="no-such-context"),
        Kubernetes(kubeconfig=str(tmp_path / "no-such-file")),
    ):
        with (
            pytest.raises(ClusterUnreachableError, match="can't be reached") as caught,
            connect(kubernetes, Path()),
        ):
            pass
        assert "kubectl version" in caught.value.hint


def test_the_proxy_ends_when_we_are_killed(cluster: Cluster, tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f"""
import os, pathlib, time
from airferry_installer.cluster.client import connect
from airferry_installer.site import Kubernetes
with connect(Kubernetes(kubeconfig={str(cluster.kubeconfig)!r}), pathlib.Path()):
    children = pathlib.Path(f"/proc/self/task/{{os.getpid()}}/children").read_text()
    pathlib.Path({str(told)!r}).write_text(children)
    os.kill(os.getpid(), 9)
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], check=False, env=environment)
    (child,) = told.read_text().split()
    status = Path("/proc") / child / "stat"
    deadline = time.monotonic() + 10
    while status.exists() and " Z " not in status.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
