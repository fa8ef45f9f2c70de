from __future__ import annotations

import json
from typing import Any

import pytest

from airferry_foundation.errors import (
    AirferryError,
    ClusterDeniedError,
    ClusterError,
    ClusterUnreachableError,
    ConflictError,
    ObjectRefusedError,
)
from airferry_installer.cluster.answers import FieldConflictError, ImmutableFieldError, refusal
from airferry_installer.cluster.discovery import Discovery, Resource


def status(message: str, reason: str = "", **details: Any) -> bytes:
    content = {"kind": "Status", "message": message, "reason": reason, "details": details}
    return json.dumps(content).encode()


IMMUTABLE = 'Deployment.apps "x" is invalid: spec.selector: Invalid value: {}: field is immutable'
STATEFUL = "updates to statefulset spec for fields other than 'replicas', ... are forbidden"


@pytest.mark.parametrize(
    ("code", "body", "kind"),
    [
        (401, status("Unauthorized"), ClusterDeniedError),
        (403, status('configmaps is forbidden: User "bob" cannot get'), ClusterDeniedError),
        (403, status('admission webhook "x" denied the request: no'), ObjectRefusedError),
        (403, status("pods is forbidden: exceeded quota: q"), ObjectRefusedError),
        (409, status("the object has been modified", "Conflict"), ConflictError),
        (409, status("already exists", "AlreadyExists"), ConflictError),
        (422, status("spec.replicas: must be above 0", "Invalid"), ObjectRefusedError),
        (422, status(IMMUTABLE, "Invalid"), ImmutableFieldError),
        (422, status(STATEFUL, "Invalid"), ImmutableFieldError),
        (400, status("unknown field", "BadRequest"), ObjectRefusedError),
        (500, status(".spec.x: field not declared in schema"), ObjectRefusedError),
        (500, status("etcd is away"), ClusterError),
        (500, b"dial tcp 127.0.0.1:1: connect: connection refused\n", ClusterUnreachableError),
        (502, b"", ClusterUnreachableError),
        (404, b"page not found", ClusterError),
    ],
)
def test_each_refusal_has_its_class(code: int, body: bytes, kind: type[AirferryError]) -> None:
    error = refusal(code, body, "apply Deployment shop/web")
    assert type(error) is kind


def test_a_field_conflict_names_each_manager() -> None:
    cause = {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "kubectl-edit" using apps/v1',
        "field": ".spec.replicas",
    }
    body = status("Apply failed", "Conflict", causes=[cause, {**cause, "message": "odd"}])
    error = refusal(409, body, "apply Deployment shop/web")
    assert isinstance(error, FieldConflictError)
    assert [c.manager for c in error.conflicts] == ["kubectl-edit", "somebody else"]
    assert "Deployment shop/web: .spec.replicas is owned by kubectl-edit" in error.message


def test_discovery_knows_paths_and_scopes() -> None:
    entry = {"resource": "orders", "responseKind": {"kind": "Order"}, "scope": "Cluster"}
    silent = {"resource": "pods", "responseKind": None}
    group = {
        "metadata": {"name": "shop.example"},
        "versions": [{"version": "v1", "resources": [entry, silent]}],
    }
    found = Discovery.of([{"kind": "APIGroupDiscoveryList", "items": [group]}])
    order = found.get("shop.example/v1", "Order")
    assert order == Resource("shop.example/v1", "Order", "orders", namespaced=False)
    assert order.path("ignored", "a/b") == "/apis/shop.example/v1/orders/a%2Fb"
    assert found.api_versions() == ("shop.example/v1", "shop.example/v1/Order")


def test_a_server_without_aggregated_discovery_is_too_old() -> None:
    with pytest.raises(ClusterError, match="APIGroupDiscoveryList") as caught:
        Discovery.of([{"kind": "APIVersions"}])
    assert "1.27" in caught.value.hint
