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
