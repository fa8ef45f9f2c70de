"""A customer that applied something, a vendor, and a cluster that can't be reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from airferry_fixtures import telemetry
from airferry_fixtures.telemetry import Office
from airferry_foundation.errors import ClusterUnreachableError
from airferry_installer.monitoring import sampling
from airferry_installer.state import StateFolder


@pytest.fixture(autouse=True)
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """kubectl takes long to say that there is nobody; integration tests wait for it."""

    def connect(*arguments: object) -> None:
        raise ClusterUnreachableError("nowhere can't be reached")

    monkeypatch.setattr(sampling, "connect", connect)


@pytest.fixture
def vendor(tmp_path: Path) -> Office:
    return telemetry.office(tmp_path / "vendor")


@pytest.fixture
def recipients(vendor: Office) -> dict[str, dict[str, str]]:
    return {"default": {"operations": vendor.identity.recipient}}


@pytest.fixture
def state(tmp_path: Path, recipients: dict[str, dict[str, str]]) -> StateFolder:
    return telemetry.customer_state(tmp_path / "customer", recipients)
