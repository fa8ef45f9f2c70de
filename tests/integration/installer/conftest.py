"""What tests of a customer with a registry share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airferry_fixtures.servers.registry import RegistryServer


@pytest.fixture
def server(start_registry: Callable[..., RegistryServer]) -> RegistryServer:
    """A registry of the test's own."""
    return start_registry()
