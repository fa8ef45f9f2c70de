from __future__ import annotations

from pathlib import Path

import pytest

from airferry_fixtures import shop
from airferry_foundation.errors import HandwrittenError
from airferry_telemetry.catalogue import STANDARD, narrowed, parse

WEB = b"""\
schema: airferry.catalogue/v1
metrics:
  - name: airferry_workload_restarts
    type: gauge
    labels: {product: hash, workload: plain}
    category: health
    privacy: technical
    purpose: Shows restarts.
  - name: shop_orders
    type: gauge
    labels: {}
    category: usage
    privacy: organisational
    purpose: Shows orders.
"""


def test_a_vendors_catalogue_narrows_what_a_site_may_tell() -> None:
    found = narrowed(STANDARD, parse(WEB, name="catalogue.yaml"))
    (metric,) = found.metrics
    assert metric.name == "airferry_workload_restarts"
    assert metric.labels == {"product": "hash", "workload": "plain"}
    assert metric.purpose == "How often containers of a workload's present pods restarted."
    assert found.digest != STANDARD.digest


def test_a_metric_moved_to_another_category_is_not_smuggled_out() -> None:
    moved = WEB.replace(b"category: health", b"category: inventory")
    assert narrowed(STANDARD, parse(moved, name="c")).metrics == ()


def test_the_standard_catalogue_narrows_nothing() -> None:
    assert narrowed(STANDARD, STANDARD) == STANDARD


def test_the_shops_catalogue_is_the_standard_one() -> None:
    path = Path(shop.__file__).parents[1] / "shop" / "telemetry" / "catalogue.yaml"
    assert parse(path.read_bytes(), name=str(path)) == STANDARD


def test_every_mistake_is_listed_with_its_line() -> None:
    bad = WEB.replace(b"gauge", b"counter", 1).replace(b"usage", b"secrets")
    with pytest.raises(HandwrittenError) as caught:
        parse(bad, name="catalogue.yaml")
    assert "line 4" in caught.value.message
    assert "line 12" in caught.value.message


def test_a_metric_that_stands_twice_is_refused() -> None:
    twice = WEB.replace(b"shop_orders", b"airferry_workload_restarts")
    with pytest.raises(HandwrittenError, match="twice"):
        parse(twice, name="catalogue.yaml")
