from __future__ import annotations

from pathlib import Path

import pytest

from airferry_foundation import process
from airferry_signing import sealing

pytestmark = pytest.mark.program("age")
DATA = bytes(range(256)) * 1000  # more than one chunk of 64 KiB


def test_stock_age_opens_what_we_seal(tmp_path: Path) -> None:
    one, two = sealing.new_identity(), sealing.new_identity()
    (tmp_path / "sealed.age").write_bytes(sealing.seal(DATA, [one.recipient, two.recipient]))
    for identity in (one, two):
        (tmp_path / "id").write_bytes(sealing.identity_file(identity))
        command = ["age", "-d", "-i", tmp_path / "id", tmp_path / "sealed.age"]
        assert process.checked(command) == DATA


def test_we_open_what_stock_age_seals(tmp_path: Path) -> None:
    identity = sealing.new_identity()
    sealed = process.checked(["age", "-r", identity.recipient], input=DATA)
    assert sealing.unseal(sealed, identity.secret) == DATA
