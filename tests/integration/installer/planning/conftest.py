"""A small vendor and customer: releases out of text, planned against the real API server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airferry_archive.release import (
    Audience,
    Chart,
    Image,
    Manifests,
    Release,
)
from airferry_fixtures.servers.cluster import Cluster
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_installer import trust
from airferry_installer.applying import inventory
from airferry_installer.applying.begin import target_of
from airferry_installer.applying.inventory import Inventory, InventoryObject
from airferry_installer.cluster.client import ClusterClient, connect
from airferry_installer.planning import planner, rendered
from airferry_installer.planning.plan import Plan, ref_of
from airferry_installer.site import Kubernetes
from airferry_installer.state import StateFolder
from airferry_rendering import packing

SITE = """\
customer: acme
products: [shop]
registry: {{push: "127.0.0.1:5000", pull: registry.acme.lan/airferry, plain_http: true}}
environments:
  staging:
    kubernetes: {{kubeconfig: {kubeconfig}}}
    namespaces: {{shop: {namespace}}}
{extra}
"""
DIGEST = "sha256:" + "1" * 64


@dataclass
class World:
    """One product in one namespace; `blobs` is the bundle."""

    state: StateFolder
    client: ClusterClient
    namespace: str
    site: Callable[[str], None]
    blobs: dict[str, bytes] = field(default_factory=dict)

    def blob(self, name: str, cap: int) -> bytes:
        data = self.blobs[name]
        assert len(data) <= cap
        return data

    def _add(self, data: bytes) -> str:
        self.blobs[digest(data)] = data
        return digest(data)

    def chart(self, files: dict[str, str], name: str = "web", values: str = "") -> Chart:
        contents = {f"{name}/Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n"}
        contents |= {f"{name}/{path}": text for path, text in files.items()}
        content = self._add(packing.pack_files({p: t.encode() for p, t in contents.items()}))
        return Chart(
            name=name,
            version="1.0.0",
            digest=DIGEST,
            content=content,
            release_name=name,
            namespace="shop",
            values=(self._add(values.encode()),) if values else (),
        )

    def manifests(self, text: str) -> Manifests:
        return Manifests(name="plain", digest=self._add(text.encode()), namespace="shop")

    def release(self, *charts: Chart, version: str = "1.0.0", **fields: Any) -> Release:
        images = fields.pop("images", ("docker.io/shop/web:1",))
        return Release(
            schema="airferry.release/v1",
            product="shop",
            version=version,
            epoch=1,
            release_counter=1,
            security_floor=0,
            root_version=1,
            issued_at="2026-11-24T12:00:00Z",
            audience=Audience(customers="any", environments="any"),
            platforms=("linux/amd64",),
            images=tuple(
                Image(name=n, digest=digest(n.encode()), platforms={"linux/amd64": DIGEST})
                for n in images
            ),
            charts=charts,
            blobs=(),
            members={},
            **fields,
        )

    def plan(self, release: Release) -> Plan:
        return planner.make_plan(
            self.state,
            self.client,
            release,
            release_digest=documents.digest_of(release),
            blob=self.blob,
            environment="staging",
        )

    def put(self, plan: Plan) -> None:
        """Do what an apply does, as simply as can be; hooks are left out."""
        release = rendered.load(self.state, plan.rendered)
        objects = rendered.with_secrets(self.state, release)
        staying = [item for item in objects if item.hook is None]
        for item in staying:
            self._apply(rendered.effective(item, self.client.get(ref_of(item.body))))
        for step in plan.steps:
            if step.action == "prune":
                self.client.delete(step.object)
        held = inventory.read(self.client, plan.namespace, plan.product)
        after = Inventory(
            schema="airferry.inventory/v1",
            product=plan.product,
            environment=plan.environment,
            revision=plan.revision + 1,
            state="applied",
            running=target_of(plan, documents.digest_of(plan)),
            objects=tuple(InventoryObject(ref=ref_of(item.body)) for item in staying),
        )
        if held is None:
            inventory.create(self.client, plan.namespace, after)
        else:
            inventory.update(self.client, held, after)

    def _apply(self, body: dict[str, Any]) -> None:
        deadline = time.monotonic() + 20
        while self.client.resource(body["apiVersion"], body["kind"]) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        self.client.apply(body)


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[ClusterClient]:
    with connect(Kubernetes(kubeconfig=str(cluster.kubeconfig)), Path()) as connected:
        yield connected


@pytest.fixture
def world(tmp_path: Path, cluster: Cluster, client: ClusterClient, namespace: str) -> World:
    path = tmp_path / "site.yaml"

    def site(extra: str) -> None:
        lines = "".join(f"    {line}\n" for line in extra.splitlines())
        path.write_text(
            SITE.format(kubeconfig=cluster.kubeconfig, namespace=namespace, extra=lines)
        )

    site("")
    state = StateFolder.create(tmp_path / "state", path, trust.NOTHING)
    return World(state, client, namespace, site)


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: {{ .Values.replicas | default 1 }}
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
        - name: web
          image: {{ .Values.image | default "shop/web:1" }}
          env: [{name: LEVEL, value: {{ .Values.level | default "info" }}}]
"""

PASSWORD = """\
apiVersion: v1
kind: Secret
metadata:
  name: store
stringData:
  user: shop
  password: {{ randAlphaNum 20 }}
"""

STORE = """\
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: store
spec:
  serviceName: store
  selector: {matchLabels: {app: store}}
  template:
    metadata:
      labels: {app: store}
      annotations:
        checksum/secret: {{ include (print $.Template.BasePath "/secret.yaml") . | sha256sum }}
    spec:
      containers: [{name: store, image: "shop/web:1"}]
"""


@pytest.fixture
def texts() -> dict[str, str]:
    return {"deployment": DEPLOYMENT, "password": PASSWORD, "store": STORE}
