from __future__ import annotations

from typing import Any

from airferry_rendering.pointers import MISSING, drop, get, join, leaves, put, split


def test_parts_with_slashes_and_tildes_survive() -> None:
    parts = ("metadata", "annotations", "a.io/b~c", "")
    assert join(parts) == "/metadata/annotations/a.io~1b~0c/"
    assert split("/metadata/annotations/a.io~1b~0c") == parts[:3]
    assert split("") == ()


def test_pointers_read_set_and_remove() -> None:
    obj: dict[str, Any] = {"a": [{"b": 1}, 2]}
    assert get(obj, "/a/0/b") == 1
    assert get(obj, "/a/9") is MISSING
    assert get(obj, "/a/b/c") is MISSING
    assert put(obj, "/a/1", 3)
    assert put(obj, "/x/y", 4)
    assert not put(obj, "/a/7", 5)
    drop(obj, "/a/0/b")
    drop(obj, "/no/where")
    assert obj == {"a": [{}, 3], "x": {"y": 4}}


def test_every_leaf_is_told_with_its_way() -> None:
    assert dict(leaves({"a": [1, {"b": {}}], "c": []})) == {
        ("a", "0"): 1,
        ("a", "1", "b"): {},
        ("c",): [],
    }
