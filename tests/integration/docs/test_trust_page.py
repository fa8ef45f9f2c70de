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
from airferry_fixtures.token import PIN, PROGRAMS, make_token
from airferry_foundation import documents

PAGE = Path(__file__).parents[3] / "docs/how-to/change-keys-announce-entitle.md"
WORDS = {"COSIGN_PASSWORD": "of all keys"}


@pytest.mark.program("cosign", *PROGRAMS)
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
    assert len(blocks) == 5
    token = make_token(tmp_path / "token")
    unset = {"COSIGN_PKCS11_MODULE_PATH", "COSIGN_PKCS11_PIN"}  # the page itself sets them
    given = {name: text for name, text in token.variables.items() if name not in unset}
    path = f"{Path(sys.executable).parent}:{token.variables['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env={**os.environ, **WORDS, **given, "PATH": path},
        input=f"{PIN}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = {one.name for one in tmp_path.iterdir()}
    assert {"channel.json.1.sigstore.json", "entitlement.json.1.sigstore.json"} <= names
    assert (tmp_path / "keys/release-3.pub").read_text() == token.key.public.pem
    assert "release.json.1.sigstore.json" in names
    show = bundler("keys", "root", "show", folder=tmp_path)
    assert show.code == 0
    assert "root 1, epoch 2, shop" in show.stdout
