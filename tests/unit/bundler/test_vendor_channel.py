"""What the next channel statement says, and what it refuses to take back."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airferry_bundler import vendor_channel, vendor_entitlements
from airferry_bundler.vendor_channel import Wish, following
from airferry_fixtures import signers
from airferry_fixtures.statements import release_of
from airferry_fixtures.vendor import make_vendor
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError
from airferry_signing.channel import Channel

AT = "2026-12-01T00:00:00Z"
KEY = signers.new_key()
DIGEST = "sha256:" + "1" * 64


def first(**wish: Any) -> Channel:
    return following(signers.root_of([KEY]), None, Wish(release_of(5), **wish), issued_at=AT)


def then(before: Channel, *, epoch: int = 1, **wish: Any) -> Channel:
    return following(signers.root_of([KEY], epoch=epoch), before, Wish(**wish), issued_at=AT)


def test_the_first_statement() -> None:
    said = first(floor=4, revoked=(DIGEST,), expected_in=timedelta(days=90))
    assert (said.sequence, said.newest_counter, said.newest_version) == (1, 5, "1.5.0")
    assert (said.security_floor, said.revoked) == (4, (DIGEST,))
    assert said.next_expected == "2027-03-01T00:00:00Z"


def test_the_next_one_keeps_what_it_does_not_change() -> None:
    said = then(first(floor=4, revoked=(DIGEST,)))
    assert (said.sequence, said.newest_counter, said.security_floor) == (2, 5, 4)
    assert said.revoked == (DIGEST,)
    assert said.next_expected is None


def test_a_releases_own_floor_is_announced() -> None:
    said = then(first(), newest=release_of(6, security_floor=3))
    assert (said.newest_counter, said.security_floor) == (6, 3)


def test_a_new_epoch_starts_afresh() -> None:
    before = first(floor=4, revoked=(DIGEST,))
    said = then(before, epoch=2, newest=release_of(1, epoch=2))
    assert (said.epoch, said.sequence, said.security_floor, said.revoked) == (2, 1, 0, ())


@pytest.mark.parametrize(
    ("wish", "match"),
    [
        ({"newest": release_of(4)}, "was announced already"),
        ({"newest": release_of(6, epoch=2)}, "epoch 2"),
        ({"newest": release_of(6, product="depot")}, "depot"),
        ({"floor": 3}, "below 4"),
        ({"floor": 6}, "nothing could run"),
    ],
)
def test_it_takes_nothing_back(wish: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        then(first(floor=4), **wish)


def test_something_must_be_the_newest() -> None:
    with pytest.raises(InputError, match="which release"):
        following(signers.root_of([KEY]), None, Wish(), issued_at=AT)


def test_on_disk_signatures_of_the_one_before_go(tmp_path: Path) -> None:
    vendor = make_vendor(tmp_path)
    path = tmp_path / "release.json"
    path.write_bytes(documents.encode(release_of(5)))
    assert vendor_channel.default_releases(tmp_path) == (path,)
    newest = vendor_channel.newest_of_releases([path])
    made = vendor_channel.issue(tmp_path, Wish(newest, revoked=(DIGEST,)))
    assert vendor_channel.default_releases(tmp_path) == ()
    vendor.sign("channel.json", vendor.root)
    again = vendor_channel.issue(tmp_path, Wish())
    assert again.stale == ("channel.json.1.sigstore.json",)
    assert not (tmp_path / again.stale[0]).exists()
    assert again.statement.sequence == made.statement.sequence + 1
    assert digest(made.path.read_bytes()) == again.digest


def test_digests_may_be_given_as_files(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    path.write_bytes(documents.encode(release_of(5)))
    found = vendor_channel.release_digests([DIGEST, str(path)])
    assert found == (DIGEST, digest(path.read_bytes()))
    with pytest.raises(InputError):
        vendor_channel.release_digests([str(tmp_path / "missing.json")])


# --- entitlements ---------------------------------------------------------------------------------


def test_an_entitlement_ends_with_its_last_day(tmp_path: Path) -> None:
    made = vendor_entitlements.issue(tmp_path, "acme", ["shop", "depot"], "2099-06-30")
    assert made.path == tmp_path / "entitlement.json"
    assert made.entitlement.until == "2099-06-30T23:59:59Z"
    assert made.entitlement.products == ("depot", "shop")
    with pytest.raises(InputError, match="exists already"):
        vendor_entitlements.issue(tmp_path, "acme", ["shop"], None)


@pytest.mark.parametrize("until", ["2020-01-01", "tomorrow", "2027-13-01"])
def test_an_end_that_is_past_or_no_time_is_refused(tmp_path: Path, until: str) -> None:
    with pytest.raises(InputError):
        vendor_entitlements.issue(tmp_path, "acme", ["shop"], until)
    assert not list(tmp_path.iterdir())
