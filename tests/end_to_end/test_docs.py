"""The tutorials and how-to pages, run as they are written: one story over two folders."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from airferry_fixtures.images import push_image, tiny
from airferry_fixtures.servers.cluster import Cluster
from airferry_fixtures.servers.programs import put_on_path
from airferry_fixtures.servers.registry import start_registry
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

DOCS = Path(__file__).parents[2] / "docs"


def commands(page: str) -> str:
    """The `sh` blocks of a page, in order, as one script."""
    return "\n".join(
        re.findall(r"^```sh\n(.*?)^```$", (DOCS / page).read_text(), re.MULTILINE | re.DOTALL)
    )


def run(script: str, folder: Path, replaced: dict[str, str], **environment: str) -> str:
    for old, new in replaced.items():
        script = script.replace(old, new)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.mark.cluster
@pytest.mark.program("cosign", "registry", "kubectl", "helm", "skopeo", "zstd", "ssh-keygen")
def test_the_pages_can_be_followed(tmp_path: Path, cluster: Cluster) -> None:
    put_on_path()
    stick = tmp_path / "stick"
    stick.mkdir()
    with (
        start_registry(tmp_path / "vendor-registry") as theirs,
        start_registry(tmp_path / "own-registry") as own,
    ):
        client = RegistryClient(RegistrySettings(theirs.address, plain_http=True))
        push_image(client, "hello", "1.0.0", tiny())
        replaced = {
            "127.0.0.1:5000": theirs.address,
            "127.0.0.1:5001": own.address,
            "/media/stick": str(stick),
        }
        run(commands("tutorials/first-release.md"), tmp_path, replaced)
        told = run(
            commands("tutorials/first-install.md"),
            tmp_path,
            replaced,
            KUBECONFIG=str(cluster.kubeconfig),
        )
    assert "hello 1.0.0 on production is applied: revision 1" in told
    assert "no drift" in told
    checking = tmp_path / "checking"
    checking.mkdir()
    for source in (
        tmp_path / "hello" / "hello-1.0.0.tar.zst",
        tmp_path / "hello" / "keys" / "alice.pub",
        *(tmp_path / "site" / name for name in ("anna.pub", "approval.json", "approval.json.sig")),
    ):
        (checking / source.name).write_bytes(source.read_bytes())
    run(commands("how-to/check-with-stock-tools.md"), checking, replaced)


def test_every_link_between_pages_leads_somewhere() -> None:
    root = DOCS.parent
    pages = [
        *(p for p in DOCS.rglob("*.md") if p.parent.name != "reference"),
        root / "README.md",
        root / "CONTRIBUTING.md",
    ]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name} -> {target}"
