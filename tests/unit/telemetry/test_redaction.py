from __future__ import annotations

from airferry_foundation import documents
from airferry_telemetry.catalogue import CATEGORIES, STANDARD
from airferry_telemetry.redaction import hash_label, redact
from airferry_telemetry.samples import sample

KEY = b"k" * 32
RESTARTS = "airferry_workload_restarts"
LABELS = {"environment": "staging", "product": "shop", "kind": "Deployment", "workload": "web"}


def test_the_catalogue_has_five_metrics_each_with_a_purpose() -> None:
    assert len(STANDARD.metrics) == 5
    assert len({metric.name for metric in STANDARD.metrics}) == 5
    assert all(metric.purpose and metric.labels for metric in STANDARD.metrics)
    assert STANDARD.categories == ("inventory", "health", "deploy-history")


def test_a_namespace_leaves_only_as_a_hash() -> None:
    one = sample(RESTARTS, {**LABELS, "namespace": "secret-project"}, 1, 0)
    leaving, report = redact([one], STANDARD, frozenset(CATEGORIES), KEY)
    assert dict(leaving[0].labels)["namespace"] == hash_label("secret-project", KEY)
    assert dict(leaving[0].labels)["workload"] == "web"
    assert report.hashed == {"namespace": 1}
    assert b"secret-project" not in documents.encode(report)


def test_a_hash_depends_on_the_customers_key() -> None:
    assert hash_label("a", KEY) != hash_label("a", b"x" * 32)
    assert len(hash_label("a", KEY)) == 16


def test_what_is_not_allowed_stays() -> None:
    unknown = sample("customers_by_name", {"name": "bob"}, 1, 1)
    label = sample(RESTARTS, {**LABELS, "pod_ip": "10.0.0.1"}, 1, 1)
    long = sample(RESTARTS, {**LABELS, "workload": "w" * 257}, 1, 1)
    withheld = sample("airferry_kubernetes_info", {"version": "v1"}, 1, 1)
    leaving, report = redact([unknown, label, long, withheld], STANDARD, frozenset({"health"}), KEY)
    assert leaving == ()
    assert report.unknown == 1
    assert report.dropped == {RESTARTS: 2, "airferry_kubernetes_info": 1}
    assert b"customers_by_name" not in documents.encode(report)
