"""State folders to test with."""

from __future__ import annotations

from pathlib import Path

import pytest

from airferry_installer import trust
from airferry_installer.state import StateFolder

SITE = """\
customer: acme
products: [shop]
registry: {push: "127.0.0.1:5000", plain_http: true}
environments:
  staging: {}
"""


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.fixture
def state(tmp_path: Path, site_file: Path) -> StateFolder:
    return StateFolder.create(tmp_path / "state", site_file, trust.NOTHING)
