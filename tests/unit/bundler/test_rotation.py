"""`keys root rotate`: a new key stands wherever the old one stood."""

from __future__ import annotations

import pytest

from airferry_bundler import vendor_roots
from airferry_fixtures import signers
from airferry_foundation.errors import InputError
from airferry_signing import roots

AT = "2026-12-01T00:00:00Z"
A, B, NEW = signers.new_key(), signers.new_key(), signers.new_key()
ROOT = signers.root_of({"root": [A], "release": [A, B], "channel": [B], "ack": [B]})


def test_a_key_is_replaced_in_all_its_roles() -> None:
    change = vendor_roots.rotation(ROOT, {A.key_id: NEW.public})
    data = vendor_roots.following(ROOT, change, issued_at=AT)
    after = roots.read_root(data, "root 2")
    assert after.number == 2
    assert set(after.roles["root"].keys) == {NEW.key_id}
    assert set(after.roles["release"].keys) == {NEW.key_id, B.key_id}
    assert set(after.roles["channel"].keys) == {B.key_id}
    assert A.key_id not in after.keys


def test_thresholds_stay() -> None:
    two = signers.root_of(
        {"root": [A], "release": [A, B], "channel": [B], "ack": [B]}, thresholds={"release": 2}
    )
    change = vendor_roots.rotation(two, {A.key_id: NEW.public})
    after = roots.read_root(vendor_roots.following(two, change, issued_at=AT), "root 2")
    assert after.roles["release"].threshold == 2


def test_a_key_that_has_the_role_already_is_no_replacement() -> None:
    with pytest.raises(InputError, match="would leave one key less"):
        vendor_roots.rotation(ROOT, {A.key_id: B.public})


def test_a_key_that_the_root_does_not_have() -> None:
    change = vendor_roots.rotation(ROOT, {NEW.key_id: signers.new_key().public})
    with pytest.raises(InputError, match="has no key"):
        vendor_roots.following(ROOT, change, issued_at=AT)


def test_a_chain_that_begins_anew_may_begin_in_a_later_epoch() -> None:
    change = vendor_roots.Change(keys=dict.fromkeys(roots.ROLES, (A.public,)))
    data = vendor_roots.first("shop", change, issued_at=AT, epoch=3)
    root = roots.read_root(data, "root 1")
    assert (root.number, root.epoch) == (1, 3)
