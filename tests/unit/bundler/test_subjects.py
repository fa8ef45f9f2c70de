"""What a person is shown before they sign: everything that a thief would like to slip in."""

from __future__ import annotations

from pathlib import Path

from airferry_archive.release import Audience
from airferry_bundler import signatures
from airferry_fixtures.signers import new_key, root_of
from airferry_fixtures.statements import channel_of, release_of
from airferry_foundation import documents
from airferry_foundation.digests import digest


def told(tmp_path: Path, document: object) -> dict[str, str]:
    path = tmp_path / "document.json"
    path.write_bytes(documents.encode(document))
    return dict(signatures.subject(path).facts)


def test_a_root_names_its_keys_and_what_it_accepts(tmp_path: Path) -> None:
    one, two = new_key(), new_key()
    root = root_of({"root": [one], "release": [one, two], "channel": [one], "ack": [two]})
    facts = told(tmp_path, root)
    assert facts["release"].startswith("1 of 2 keys: sha256:")
    assert one.key_id in facts["release"]
    assert two.key_id not in facts["root"]
    assert facts["accepts"] == "no release of retired keys"
    accepting = root_of([one], accepted_releases=(digest(b"old"),))
    assert told(tmp_path, accepting)["accepts"] == digest(b"old")


def test_a_channel_statement_names_what_it_revokes(tmp_path: Path) -> None:
    facts = told(tmp_path, channel_of(revoked=(digest(b"old"),), next_expected=None))
    assert (facts["revoked"], facts["next by"]) == (digest(b"old"), "not promised")
    assert told(tmp_path, channel_of())["revoked"] == "none"


def test_a_release_says_for_whom_where_and_under_which_root(tmp_path: Path) -> None:
    audience = Audience(customers="any", environments=("production", "staging"))
    facts = told(tmp_path, release_of(3, audience=audience, security_floor=2, root_version=4))
    assert (facts["audience"], facts["where"]) == ("any", "production, staging")
    assert (facts["floor"], facts["root"], facts["platforms"]) == ("2", "4", "linux/amd64")
