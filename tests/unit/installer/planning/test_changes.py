from __future__ import annotations

from typing import Any

import pytest

from airferry_installer.planning import changes
from airferry_installer.planning.sealed_values import Mask

MASK = Mask(b"k" * 32)


def made(kind: str = "ConfigMap", **fields: Any) -> dict[str, Any]:
    metadata = {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "7"}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}


def told(before: dict[str, Any], after: dict[str, Any], *generated: str) -> list[tuple[Any, ...]]:
    found = changes.between(before, after, MASK, generated)
    return [(c.path, c.before, c.after) for c in found]


def test_what_the_server_writes_does_not_count() -> None:
    after = made(status={"x": 1})
    after["metadata"] = {**after["metadata"], "resourceVersion": "8", "generation": 2}
    assert told(made(), after) == []


def test_fields_are_told_as_field_managers_spell_them() -> None:
    before = made(spec={"c": [{"name": "web", "image": "a", "args": ["x"]}], "n": 1})
    after = made(spec={"c": [{"name": "web", "image": "b", "args": ["x", "y"]}], "m": {}})
    assert told(before, after) == [
        ('.spec.c[name="web"].args[1]', None, '"y"'),
        ('.spec.c[name="web"].image', '"a"', '"b"'),
        (".spec.m", None, "{}"),
        (".spec.n", "1", None),
    ]


def test_an_item_more_or_less_is_one_change() -> None:
    before = made(spec=[{"name": "a"}, {"name": "b"}])
    assert told(before, made(spec=[{"name": "b"}])) == [('.spec[name="a"]', '{"name":"a"}', None)]
    turned = made(spec=[{"name": "b"}, {"name": "a"}])
    assert told(before, turned) == [(".spec", '["a","b"]', '["b","a"]')]


def test_true_is_not_one() -> None:
    assert told(made(a=True), made(a=1)) == [(".a", "true", "1")]


def test_secret_data_is_an_hmac_and_marked() -> None:
    before, after = made("Secret", data={"p": "b2xk"}), made("Secret", data={"p": "bmV3"})
    (change,) = changes.between(before, after, MASK)
    assert (change.path, change.secret) == (".data.p", True)
    assert str(change.before).startswith('"hmac:')
    assert "bmV3" not in str(change)
    assert changes.between(before, before, MASK) == ()


def test_a_generated_value_that_is_new_is_only_a_word() -> None:
    assert told(made(data={}), made(data={"p": "random"}), "/data/p") == [
        (".data.p", None, '"generated"')
    ]
    assert told(made(data={"p": "1"}), made(data={"p": "1"}), "/data/p") == []


def test_the_owned_digest_sees_what_the_release_sets_and_nothing_else() -> None:
    desired = made(data={"a": "1", "made": "x"})
    live = made(data={"a": "1", "other": "2", "made": "y"}, status={"x": 1})

    def digest(obj: dict[str, Any]) -> str:
        return changes.owned_digest(obj, desired, MASK, ["/data/made"])

    assert digest(live) == digest({**live, "data": {"a": "1", "other": "3", "made": "z"}})
    assert digest(live) != digest({**live, "data": {"a": "2"}})
    assert digest(live) != digest({**live, "metadata": {**live["metadata"], "uid": "v"}})


@pytest.mark.parametrize("key", ["containerPort", "mountPath"])
def test_lists_without_names_are_told_by_what_identifies_them(key: str) -> None:
    before = made(spec=[{key: 80, "x": 1}, {key: 81, "x": 1}])
    after = made(spec=[{key: 80, "x": 1}, {key: 81, "x": 2}])
    assert told(before, after) == [(f".spec[{key}=81].x", "1", "2")]
