from __future__ import annotations

import base64

import pytest

from airferry_foundation.errors import ChartError
from airferry_rendering.objects import ObjectKey, canonical, key_of, parse_stream

SECRET = b"""\
apiVersion: v1
kind: Secret
metadata: {name: s, labels: {}, creationTimestamp: null}
data: {old: b2xk}
stringData: {plain: text, number: 5}
status: {x: 1}
"""


def test_a_key_names_group_kind_namespace_and_name() -> None:
    obj = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}}
    assert key_of(obj) == ObjectKey("apps", "Deployment", "", "a")
    assert str(ObjectKey("", "Secret", "shop", "a")) == "Secret shop/a"
    assert str(ObjectKey("x.io", "Thing", "", "a")) == "Thing.x.io a"


def test_a_secret_has_one_spelling() -> None:
    (secret,) = parse_stream(SECRET, name="s.yaml")
    decoded = {key: base64.b64decode(value) for key, value in secret["data"].items()}
    assert decoded == {"old": b"old", "plain": b"text", "number": b"5"}
    assert secret["metadata"] == {"name": "s"}
    assert "status" not in secret
    assert "stringData" not in secret


def test_canonical_is_a_copy_and_changes_nothing_twice() -> None:
    obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a"},
        "spec": {"x": None, "y": [None, {"z": None}]},
    }
    settled = canonical(obj)
    assert settled["spec"] == {"y": [None, {}]}
    assert obj["spec"]["x"] is None
    assert canonical(settled) == settled


def test_a_list_is_opened() -> None:
    stream = b"""\
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
"""
    assert [obj["metadata"]["name"] for obj in parse_stream(stream, name="x")] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a", "expected a Kubernetes object, found list"),
        ("kind: Pod\nmetadata: {name: a}", "no apiVersion"),
        ("apiVersion: v1\nmetadata: {name: a}", "no kind"),
        ("apiVersion: v1\nkind: Pod", "Pod has no metadata.name"),
    ],
)
def test_what_is_no_object_is_refused_with_its_place(text: str, said: str) -> None:
    stream = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\n---\n{text}\n"
    with pytest.raises(ChartError, match=said) as caught:
        parse_stream(stream.encode(), name="m.yaml")
    assert "m.yaml, line 5" in caught.value.message


def test_a_generated_name_is_refused_with_a_hint() -> None:
    stream = b"apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n"
    with pytest.raises(ChartError) as caught:
        parse_stream(stream, name="m.yaml")
    assert "fixed name" in caught.value.hint


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("kind: Secret, metadata: {name: a}, stringData: x", "Secret a: stringData is no mapping"),
        ("kind: Secret, metadata: {name: a}, data: [x]", "Secret a: data is no mapping"),
        ("kind: A, metadata: {name: a, labels: x}", "A a: metadata: labels is no mapping"),
        ("kind: A, metadata: {name: a, namespace: [x]}", "A a: metadata.namespace is no text"),
    ],
)
def test_fields_of_another_kind_are_told(fields: str, said: str) -> None:
    with pytest.raises(ChartError, match=said):
        parse_stream(f"{{apiVersion: v1, {fields}}}".encode(), name="x.yaml")
