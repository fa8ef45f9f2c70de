from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airferry_archive.release import Audience, Input, InputTarget, Release
from airferry_foundation.errors import InputError
from airferry_installer.planning import leaks, values
from airferry_installer.planning.values import GivenInput
from airferry_installer.site import Environment, SecretSource


def release(*inputs: Input) -> Release:
    return Release(
        schema="airferry.release/v1",
        product="shop",
        version="1.0.0",
        epoch=1,
        release_counter=1,
        security_floor=0,
        root_version=1,
        issued_at="2026-11-24T12:00:00Z",
        audience=Audience(customers="any", environments="any"),
        platforms=("linux/amd64",),
        inputs=inputs,
        blobs=(),
        members={},
    )


def entry(name: str = "host", **fields: Any) -> Input:
    return Input(**{"name": name, "type": "string", **fields})


def given(
    *inputs: Input, folder: Path = Path(), only_product: bool = True, **written: Any
) -> dict[str, Any]:
    environment = Environment(inputs=written)
    found = values.given_inputs(release(*inputs), environment, folder, only_product=only_product)
    return {item.input.name: item.value for item in found}


def test_the_sites_value_wins_over_the_default() -> None:
    inputs = entry("a", default="x"), entry("b", default="y"), entry("n", type="integer", default=1)
    assert given(*inputs, b="z", n=3) == {"a": "x", "b": "z", "n": 3}


def test_every_mistake_is_told_at_once() -> None:
    inputs = entry("host", help="Where people go"), entry("n", type="integer", default=1)
    with pytest.raises(InputError) as caught:
        given(*inputs, hosst="x", n="many")
    message = caught.value.message
    assert "3 mistakes" in message
    assert "no input 'hosst'; did you mean 'host'?" in message
    assert "'host' is not set (Where people go)" in message
    assert "'n': expected integer, found 'many'" in message


def test_inputs_of_other_products_are_no_mistake() -> None:
    assert given(entry("a", default="x"), only_product=False, other="y") == {"a": "x"}


def test_true_is_no_integer() -> None:
    with pytest.raises(InputError, match="expected integer"):
        given(entry("n", type="integer"), n=True)


def test_a_secret_comes_from_a_file_or_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pw").write_text("from file\n")
    monkeypatch.setenv("PW", "from variable")
    inputs = entry("a", secret=True), entry("b", secret=True)
    sources = {"a": SecretSource(file="pw"), "b": SecretSource(env="PW")}
    assert given(*inputs, folder=tmp_path, **sources) == {"a": "from file", "b": "from variable"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("in the clear", "is secret: give"),
        (SecretSource(file="missing"), "missing does not exist"),
        (SecretSource(env="NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_a_secret_that_can_not_be_read_is_named_without_its_value(
    tmp_path: Path, written: Any, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        given(entry("a", secret=True), folder=tmp_path, a=written)
    assert "in the clear" not in caught.value.message


def test_a_file_of_another_type_never_shows_its_text(tmp_path: Path) -> None:
    (tmp_path / "n").write_text("hunter2")
    with pytest.raises(InputError, match="expected integer, found other text") as caught:
        given(entry("n", type="integer", secret=True), folder=tmp_path, n=SecretSource(file="n"))
    assert "hunter2" not in str(caught.value)


def test_a_generated_input_is_another_one_at_each_render() -> None:
    item = entry("token", generated=True, secret=True)
    first = values.given_inputs(release(item), Environment(), Path(), only_product=True)
    second = values.again(first)
    assert first[0].made
    assert first[0].value != second[0].value
    fixed = values.given_inputs(
        release(entry("a", default="x")), Environment(), Path(), only_product=True
    )
    assert values.again(fixed) == fixed


def test_inputs_go_to_dotted_paths() -> None:
    targets = (
        InputTarget(chart="web", path="a.b"),
        InputTarget(chart="web", path=r"annotations.x\.io/y"),
        InputTarget(chart="other", path="z"),
    )
    items = [GivenInput(entry(to=targets), "v")]
    assert values.chart_values(items, "web") == {"a": {"b": "v"}, "annotations": {"x.io/y": "v"}}


def test_inputs_that_get_in_each_others_way_are_an_error() -> None:
    one = GivenInput(entry("a", to=(InputTarget(chart="web", path="x"),)), "v")
    two = GivenInput(entry("b", to=(InputTarget(chart="web", path="x.y"),)), "v")
    with pytest.raises(InputError, match="'b' goes below 'x'"):
        values.chart_values([one, two], "web")


# --- leaks ----------------------------------------------------------------------------------------


def leak(obj: dict[str, Any], value: str = "correct horse") -> None:
    metadata = {"name": "x", **obj.pop("metadata", {})}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **obj}
    leaks.check([body], [GivenInput(entry("pw", secret=True), value)])


@pytest.mark.parametrize(
    "obj",
    [
        {"data": {"a": "correct horse"}},
        {"data": {"url": "db://u:correct horse@h"}},
        {"data": {"a": "Y29ycmVjdCBob3JzZQ=="}},
        {"kind": "Pod", "spec": {"containers": [{"env": [{"value": "correct horse"}]}]}},
        {"kind": "Secret", "metadata": {"annotations": {"a": "correct horse"}}},
    ],
)
def test_a_secret_in_the_open_is_found(obj: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="input 'pw' in") as caught:
        leak(obj)
    assert "correct horse" not in caught.value.message


def test_a_secret_in_a_secret_is_where_it_belongs() -> None:
    leak({"kind": "Secret", "data": {"a": "Y29ycmVjdCBob3JzZQ=="}})


def test_a_short_secret_is_looked_for_as_a_whole_only() -> None:
    leak({"data": {"a": "yes, 42 of them"}}, "42")
    with pytest.raises(InputError, match="'pw'"):
        leak({"data": {"a": "42"}}, "42")
