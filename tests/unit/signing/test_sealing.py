from __future__ import annotations

from pathlib import Path

import pytest

from airferry_foundation.errors import InputError, TrustError
from airferry_signing import sealing

ONE, TWO = sealing.new_identity(), sealing.new_identity()


def test_each_recipient_can_open_what_was_sealed() -> None:
    sealed = sealing.seal(b"words", [ONE.recipient, TWO.recipient])
    assert b"words" not in sealed
    assert sealing.unseal(sealed, ONE.secret) == b"words"
    assert sealing.unseal(sealed, TWO.secret) == b"words"


def test_nobody_else_can() -> None:
    with pytest.raises(TrustError, match="can't be opened"):
        sealing.unseal(sealing.seal(b"words", [ONE.recipient]), TWO.secret)


@pytest.mark.parametrize("recipients", [[], ["age1x"], ["ssh-ed25519 AAAA"], [ONE.secret]])
def test_what_is_no_recipient_is_refused(recipients: list[str]) -> None:
    with pytest.raises(InputError):
        sealing.seal(b"words", recipients)


def test_a_secret_does_not_show_itself() -> None:
    assert ONE.secret not in repr(ONE)


def test_a_cut_file_leaves_nothing_behind(tmp_path: Path) -> None:
    whole = sealing.seal(b"w" * 200_000, [ONE.recipient])
    (tmp_path / "cut.age").write_bytes(whole[:-20_000])
    with pytest.raises(TrustError):
        sealing.unseal_file(tmp_path / "cut.age", ONE.secret, tmp_path / "opened")
    assert [path.name for path in tmp_path.iterdir()] == ["cut.age"]


def test_a_file_is_opened_into_a_private_file(tmp_path: Path) -> None:
    (tmp_path / "x.age").write_bytes(sealing.seal(b"words", [ONE.recipient]))
    sealing.unseal_file(tmp_path / "x.age", ONE.secret, tmp_path / "opened")
    assert (tmp_path / "opened").read_bytes() == b"words"
    assert (tmp_path / "opened").stat().st_mode & 0o777 == 0o600


def test_an_identity_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "id").write_bytes(sealing.identity_file(ONE))
    assert sealing.read_identity(tmp_path / "id") == ONE


@pytest.mark.parametrize("text", ["", "# only words\n", "hello\n", "AGE-SECRET-KEY-1X\n"])
def test_what_is_no_identity_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "id").write_text(text)
    with pytest.raises(InputError, match="one age identity"):
        sealing.read_identity(tmp_path / "id")
