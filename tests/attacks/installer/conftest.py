"""A vendor, a customer of it with a registry, and a good bundle to make bad ones from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_fixtures.attack_scene import Scene
from airferry_fixtures.customers import customer_of
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.simulator import bundle_of
from airferry_fixtures.statements import Vendor


@pytest.fixture
def scene(tmp_path: Path, start_registry: Callable[..., RegistryServer]) -> Scene:
    vendor = Vendor()
    registry = start_registry()
    customer = customer_of(tmp_path / "customer", registry.address, vendor)
    good = bundle_of(tmp_path / "shop.tar.zst", vendor)
    return Scene(tmp_path, vendor, customer, registry, good)
