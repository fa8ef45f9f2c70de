"""What `lock` puts in place of inputs, so that charts render before any site has set them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airferry_bundler.spec import Input, Spec

PLACEHOLDER = "airferry-placeholder"


def placeholders(
    spec: Spec, chart: str, own: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Values for the inputs that go to a chart.

    A secret or generated one always gets a placeholder, so that the chart makes up nothing in its
    place; others their default, or a placeholder where neither chart nor values set it.
    """
    filled: dict[str, Any] = {}
    for value in spec.inputs.values():
        for target in value.to:
            if target.chart != chart:
                continue
            way = target.path.split(".")
            is_set = _at(given, way) not in {None, ""} or _at(own, way) not in {None, ""}
            if value.default is not None or value.secret or not is_set:
                _put(filled, way, _stand_in(value))
    return filled


def _stand_in(value: Input) -> str | int | bool:
    if value.default is not None:
        return value.default
    stand_ins: dict[str, str | int | bool] = {"string": PLACEHOLDER, "integer": 1, "boolean": True}
    return stand_ins[value.type]


def _at(values: Mapping[str, Any], way: list[str]) -> Any:
    found: Any = values
    for part in way:
        found = found.get(part) if isinstance(found, Mapping) else None
    return None if isinstance(found, (Mapping, list)) and not found else found


def _put(values: dict[str, Any], way: list[str], value: object) -> None:
    for part in way[:-1]:
        values = values.setdefault(part, {})
    values[way[-1]] = value
