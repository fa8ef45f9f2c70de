"""Values that look like images."""

from __future__ import annotations

from typing import Any

import pytest

from airferry_bundler.unrendered import candidates, missing


@pytest.mark.parametrize(
    ("values", "place", "name"),
    [
        ({"image": "redis:7"}, "shop: image = redis:7", "docker.io/library/redis"),
        ({"sidecarImage": "a/b"}, "shop: sidecarImage = a/b", "docker.io/a/b"),
        (
            {"image": {"repository": "a/b", "tag": 1.5}},
            "shop: image = a/b",
            "docker.io/a/b",
        ),
        (
            {"image": {"registry": "r.example", "repository": "a/b", "tag": "1"}},
            "shop: image = r.example/a/b:1",
            "r.example/a/b",
        ),
        (
            {"jobs": [{"image": "r.example/a"}]},
            "shop: jobs[0].image = r.example/a",
            "r.example/a",
        ),
    ],
)
def test_found(values: dict[str, Any], place: str, name: str) -> None:
    assert candidates("shop", values) == {place: name}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"image": ""},
        {"image": {"repository": ""}},
        {"image": {"repository": "https://charts.example/x"}},
        {"image": "Not An Image"},
        {"name": "redis:7"},
        {"image": None},
        {"imagePullPolicy": "Always"},
    ],
)
def test_not_found(values: dict[str, Any]) -> None:
    assert candidates("shop", values) == {}


def test_later_layers_win() -> None:
    assert candidates("shop", {"image": "a"}, {"image": "b"}) == {
        "shop: image = b": "docker.io/library/b"
    }


def test_missing_are_those_in_no_workload_whatever_their_tag() -> None:
    found = {"x": "docker.io/library/redis", "y": "docker.io/library/never"}
    assert missing(found, ["docker.io/library/redis:7"]) == ("y",)
