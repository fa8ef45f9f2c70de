from __future__ import annotations

from typing import Any

import pytest

from airferry_foundation.errors import ChartError
from airferry_rendering import generated
from airferry_rendering.objects import key_of


def secret(name: str = "s", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}


def test_only_the_fields_that_differ_are_generated() -> None:
    a, b = secret(user="x", password="1"), secret(user="x", password="2")
    assert generated.differing([a], [b]) == [(key_of(a), "/data/password")]
    assert generated.differing([a], [a]) == []


def test_a_field_of_one_render_only_and_lists_of_other_lengths_differ() -> None:
    a: dict[str, Any] = {**secret(), "x": [1, 2], "l": [{"k": 1}], "only": 1}
    b: dict[str, Any] = {**secret(), "x": [1], "l": [{"k": 2}]}
    assert [path for _, path in generated.differing([a], [b])] == ["/l/0/k", "/only", "/x"]


def test_true_and_one_differ() -> None:
    a, b = {**secret(), "x": True}, {**secret(), "x": 1}
    assert [path for _, path in generated.differing([a], [b])] == ["/x"]


def test_a_random_name_is_refused() -> None:
    with pytest.raises(ChartError, match="another name at each render"):
        generated.differing([secret("a-x1")], [secret("a-x2")])


def test_live_values_are_kept_and_missing_ones_are_made_once() -> None:
    made = secret(old="new-random", fresh="made")
    live = secret(old="living", other="theirs")
    kept = generated.keep_live(made, ("/data/old", "/data/fresh"), live)
    assert kept["data"] == {"old": "living", "fresh": "made"}
    assert made["data"]["old"] == "new-random"
    assert generated.keep_live(made, ("/data/old",), None) == made


def test_masked_fields_hold_the_word() -> None:
    masked = generated.mask(secret(a="1", b="2"), ("/data/a", "/data/gone"))
    assert masked["data"] == {"a": "generated", "b": "2"}


@pytest.mark.parametrize(
    ("pointer", "derived"),
    [
        ("/spec/template/metadata/annotations/checksum~1secret", True),
        ("/metadata/annotations/rollme", True),
        ("/data/checksum", False),
        ("/metadata/annotations/password", False),
    ],
)
def test_checksum_annotations_are_derived(pointer: str, derived: bool) -> None:
    assert generated.is_derived(pointer) is derived


def test_a_checksum_follows_content_and_not_labels() -> None:
    plain, labelled = secret(a="1"), secret(a="1")
    labelled["metadata"]["labels"] = {"version": "2"}
    assert generated.checksum([plain]) == generated.checksum([labelled])
    assert generated.checksum([plain]) != generated.checksum([secret(a="2")])
    assert len(generated.checksum([plain])) == 64
