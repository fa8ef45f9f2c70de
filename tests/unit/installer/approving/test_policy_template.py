from __future__ import annotations

from pathlib import Path

import pytest

from airferry_foundation.errors import InputError, MissingInputError, SignatureError
from airferry_installer.approving import policy_template
from airferry_signing import sshsig


def test_a_person_has_keys_and_roles(tmp_path: Path) -> None:
    keys = [sshsig.generate(tmp_path / name).text for name in ("one", "two")]
    text = f"anna={tmp_path}/one.pub,{tmp_path}/two.pub:ops,security"
    name, person = policy_template.person(text)
    assert name == "anna"
    assert list(person.keys) == keys
    assert person.roles == ("ops", "security")


def test_a_person_may_have_no_role(tmp_path: Path) -> None:
    sshsig.generate(tmp_path / "one")
    assert policy_template.person(f"anna={tmp_path}/one.pub")[1].roles == ()


@pytest.mark.parametrize("text", ["anna", "anna=", "=x.pub", "anna=:ops"])
def test_half_a_person_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="describes no person"):
        policy_template.person(text)


def test_a_key_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.pub").write_bytes(b"\xffnonsense")
    with pytest.raises(SignatureError, match=r"x\.pub"):
        policy_template.person(f"anna={tmp_path}/x.pub")
    with pytest.raises(MissingInputError):
        policy_template.person(f"anna={tmp_path}/y.pub")


def test_counts_of_roles() -> None:
    assert policy_template.counts(["ops=1", "security=2"]) == {"ops": 1, "security": 2}
    for wrong in ("ops", "ops=", "ops=0", "=1", "ops=x"):
        with pytest.raises(InputError, match="no count of a role"):
            policy_template.counts([wrong])


def test_a_window_in_words() -> None:
    window = policy_template.window("mon,tue 22:00-04:00 Europe/Berlin")
    assert (window.days, window.from_, window.to) == (("mon", "tue"), "22:00", "04:00")
    assert window.zone == "Europe/Berlin"


def test_a_freeze_in_words() -> None:
    freeze = policy_template.freeze("2026-12-20..2027-01-06 Europe/Berlin end of the year")
    assert (freeze.from_, freeze.until) == ("2026-12-20", "2027-01-06")
    assert freeze.reason == "end of the year"
    assert policy_template.freeze("2026-12-20..2026-12-20 UTC").reason == ""


@pytest.mark.parametrize(
    "text", ["mon 22", "mon 22:00 UTC", "mon 22-04 UTC", "day 22:00-04:00 UTC"]
)
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(InputError, match="22"):
        policy_template.window(text)


@pytest.mark.parametrize("text", ["2026-12-20", "2026-12-20..2026-12-21", "20..21 UTC"])
def test_what_is_no_freeze(text: str) -> None:
    with pytest.raises(InputError, match="20"):
        policy_template.freeze(text)
