"""The how-to page on keys, announcements and entitlements, run as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from airferry_fixtures.commands import bundler
from airferry_fixtures.statements import release_of
from airferry_foundation import documents

PAGE = Path(__file__).parents[3] / "docs/how-to/change-keys-announce-entitle.md"
WORDS = {"COSIGN_PASSWORD": "of all keys"}


@pytest.mark.program("cosign")
def test_the_page_can_be_followed(tmp_path: Path) -> None:
    for role in ("root", "release", "channel"):
        made = bundler(
            "keys", "generate", "--role", role, "-o", "keys", folder=tmp_path, environment=WORDS
        )
        assert made.code == 0, made.stderr
    pairs = [f"--key={role}=keys/{role}.pub" for role in ("root", "release", "channel")]
    words = ("keys", "root", "init", "--product", "shop", *pairs, "--key=ack=keys/channel.pub")
    assert bundler(*words, folder=tmp_path, environment=WORDS).code == 0
    signed = ("sign", "roots/1.json", "--key", "keys/root.key")
    assert bundler(*signed, folder=tmp_path, environment=WORDS).code == 0
    (tmp_path / "release.json").write_bytes(documents.encode(release_of(5)))

    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env={**os.environ, **WORDS, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = {path.name for path in tmp_path.iterdir()}
    assert {"channel.json.1.sigstore.json", "entitlement.json.1.sigstore.json"} <= names
    show = bundler("keys", "root", "show", folder=tmp_path)
    assert show.code == 0
    assert "root 1, epoch 2, shop" in show.stdout
