from __future__ import annotations

from pathlib import Path

import pytest

from airferry_foundation.errors import InputError
from airferry_signing import signature_files


def test_signatures_are_numbered_beside_their_file(tmp_path: Path) -> None:
    file = tmp_path / "release.json"
    file.write_bytes(b"{}")
    assert signature_files.signatures_beside(file) == ()
    for text in (b"one", b"two"):
        signature_files.next_path(file).write_bytes(text)
    assert (tmp_path / "release.json.2.sigstore.json").read_bytes() == b"two"
    assert signature_files.signatures_beside(file) == (b"one", b"two")


def test_a_number_may_be_missing(tmp_path: Path) -> None:
    file = tmp_path / "release.json"
    (tmp_path / "release.json.3.sigstore.json").write_bytes(b"three")
    assert signature_files.signatures_beside(file) == (b"three",)
    assert signature_files.next_path(file).name == "release.json.1.sigstore.json"


def test_seventeen_signatures_are_too_many(tmp_path: Path) -> None:
    file = tmp_path / "release.json"
    for _ in range(16):
        signature_files.next_path(file).write_bytes(b"x")
    with pytest.raises(InputError, match="16 signatures"):
        signature_files.next_path(file)


def test_a_huge_signature_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "f.1.sigstore.json").write_bytes(b"x" * 20_000)
    with pytest.raises(InputError, match="more than"):
        signature_files.signatures_beside(tmp_path / "f")
