"""docs/how-to/carry-on-several-sticks.md, run as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_fixtures.customers import customer_of
from airferry_fixtures.registry_content import tags
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.simulator import bundle_of
from airferry_fixtures.statements import Vendor

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "carry-on-several-sticks.md"


@pytest.mark.program("registry", "tar", "zstd")
def test_the_page_can_be_followed(
    tmp_path: Path, start_registry: Callable[..., RegistryServer]
) -> None:
    server, vendor = start_registry(), Vendor()
    customer = customer_of(tmp_path / "customer", server.address, vendor)
    bundle = bundle_of(customer.folder / "shop-1.4.0.tar.zst", vendor)
    stick = tmp_path / "stick"
    stick.mkdir()
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    script = "\n".join(blocks).replace("/media/stick", str(stick))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    state = str(customer.folder / "state")
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=customer.folder,
        env={**customer.variables(), "PATH": path, "AIRFERRY_STATE": state},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert tags(server)
    assert (customer.folder / "joined.tar.zst").read_bytes() == bundle.read_bytes()
    assert "release.json" in (customer.folder / "members.txt").read_text()
