"""Placeholders in place of inputs that no site has set yet."""

from __future__ import annotations

from typing import Any

import pytest

from airferry_bundler.inputs import PLACEHOLDER, placeholders
from airferry_bundler.spec import Audience, Input, Spec, Target


def fill(given: Input, *, own: Any = None, values: Any = None) -> dict[str, Any]:
    spec = Spec(
        product="shop", version="1.0.0", counter=1, audience=Audience(),
        platforms=("linux/amd64",), inputs={"one": given},
    )  # fmt: skip
    return placeholders(spec, "shop", own or {}, values or {})


def an_input(**more: Any) -> Input:
    return Input(to=(Target(chart="shop", path="db.password"),), **more)


def test_an_input_for_another_chart_is_not_ours() -> None:
    assert fill(Input(to=(Target(chart="web", path="a"),))) == {}
    assert fill(Input(to=(Target(manifest="m", kind="A", name="a", path="a"),))) == {}


@pytest.mark.parametrize(
    ("kind", "stand_in"), [("string", PLACEHOLDER), ("integer", 1), ("boolean", True)]
)
def test_what_nobody_set_gets_a_placeholder(kind: Any, stand_in: object) -> None:
    assert fill(an_input(type=kind)) == {"db": {"password": stand_in}}
    assert fill(an_input(type=kind), own={"db": {"password": ""}}) != {}


def test_what_the_chart_or_values_set_stays() -> None:
    set_here = {"db": {"password": "x"}}
    assert fill(an_input(), own=set_here) == {}
    assert fill(an_input(), values=set_here) == {}


def test_a_default_wins_over_the_chart() -> None:
    set_here = {"db": {"password": "x"}}
    assert fill(an_input(default="y"), own=set_here) == {"db": {"password": "y"}}


def test_a_secret_always_gets_a_placeholder() -> None:
    set_here = {"db": {"password": "x"}}
    assert fill(an_input(secret=True), values=set_here) == {"db": {"password": PLACEHOLDER}}


def test_a_value_in_the_way_of_a_path() -> None:
    assert fill(an_input(), own={"db": "text"}) == {"db": {"password": PLACEHOLDER}}
