from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from airferry_archive.release import Audience, Requires
from airferry_fixtures import signers
from airferry_fixtures.statements import Offered, Vendor, channel_of, release_of
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    AirferryError,
    AudienceError,
    DocumentError,
    ReleaseRefusedError,
    RootError,
    SignatureError,
    ThresholdError,
)
from airferry_installer import trust as trusts
from airferry_installer.admission import Context, Verdict, admit
from airferry_installer.trust import TrustState
from airferry_signing import roots

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HERE = Context(now=NOW, customer="acme", products=("shop",), environments=("staging", "production"))


def pinned(vendor: Vendor, number: int = 1) -> TrustState:
    signed = vendor.roots[number]
    chain = roots.pin(signed, digest(signed.document))
    return trusts.NOTHING.with_line(trusts.pinned(chain))


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def trust(vendor: Vendor) -> TrustState:
    return pinned(vendor)


def refused(
    offered: Offered, trust: TrustState, kind: type[AirferryError], match: str, here: Context = HERE
) -> TrustState:
    after, verdict = admit(offered, trust, here)
    assert verdict.release is None
    assert isinstance(verdict.refusal, kind), verdict.refusal
    assert match in verdict.refusal.message
    with pytest.raises(kind):
        verdict.admitted()
    return after


def admitted(
    offered: Offered, trust: TrustState, here: Context = HERE
) -> tuple[TrustState, Verdict]:
    after, verdict = admit(offered, trust, here)
    assert verdict.refusal is None, verdict.refusal
    assert verdict.release is not None
    return after, verdict


# --- the good way ---------------------------------------------------------------------------------


def test_a_signed_release_is_admitted(vendor: Vendor, trust: TrustState) -> None:
    offered = vendor.offer()
    after, verdict = admitted(offered, trust)
    assert verdict.admitted() == release_of()
    assert verdict.digest == offered.digest
    assert verdict.signers == {key.key_id for key in vendor.keys}
    assert (verdict.threshold, verdict.root_number, verdict.roots_taken) == (2, 1, 0)
    line = after.line("shop")
    assert line is not None
    assert line.release_at(1, 1) == offered.digest
    assert line.newest_counter == 1


def test_the_same_bundle_again_changes_nothing(vendor: Vendor, trust: TrustState) -> None:
    offered = vendor.offer(channel=channel_of())
    once, _ = admitted(offered, trust)
    twice, _ = admitted(offered, once)
    assert once == twice


def test_trust_states_survive_the_disk(vendor: Vendor, trust: TrustState) -> None:
    after, _ = admitted(vendor.offer(channel=channel_of()), trust)
    assert trusts.read(documents.encode(after)) == after


# --- signatures -----------------------------------------------------------------------------------


def test_too_few_signatures(vendor: Vendor, trust: TrustState) -> None:
    after = refused(vendor.offer(keys=vendor.keys[:1]), trust, ThresholdError, "1 of the 2")
    assert after == trust


def test_no_signature(vendor: Vendor, trust: TrustState) -> None:
    refused(vendor.offer(keys=()), trust, ThresholdError, "0 of the 2")


def test_one_key_twice(vendor: Vendor, trust: TrustState) -> None:
    refused(vendor.offer(keys=[vendor.keys[0]] * 2), trust, ThresholdError, "again by the same key")


def test_strangers(vendor: Vendor, trust: TrustState) -> None:
    strangers = [signers.new_key(), signers.new_key()]
    refused(vendor.offer(keys=strangers), trust, ThresholdError, "does not list")


def test_changed_bytes(vendor: Vendor, trust: TrustState) -> None:
    offered = vendor.offer()
    changed = replace(offered, release=offered.release.replace(b"1.1.0", b"1.1.1"))
    refused(changed, trust, SignatureError, "another file")


def test_a_channel_statement_is_no_release(vendor: Vendor, trust: TrustState) -> None:
    data = documents.encode(channel_of())
    refused(vendor.offer(data), trust, ReleaseRefusedError, "airferry.channel/v1")


def test_an_unknown_schema_says_which_installer_it_needs(vendor: Vendor, trust: TrustState) -> None:
    data = b'{"requires":{"installer":">=3.0.0"},"schema":"airferry.release/v2"}'
    _, verdict = admit(vendor.offer(data), trust, HERE)
    assert isinstance(verdict.refusal, ReleaseRefusedError)
    assert ">=3.0.0" in verdict.refusal.hint


def test_a_signed_release_that_is_not_canonical(vendor: Vendor, trust: TrustState) -> None:
    data = documents.encode(release_of()) + b"\n"
    refused(vendor.offer(data), trust, DocumentError, "not canonical")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff", b'{"schema":' * 9000])
def test_signed_nonsense(vendor: Vendor, trust: TrustState, data: bytes) -> None:
    refused(vendor.offer(data), trust, DocumentError, "release.json")


# --- roots ----------------------------------------------------------------------------------------


def test_two_rotations_out_of_one_bundle(vendor: Vendor, trust: TrustState) -> None:
    vendor.rotate([signers.new_key()])
    vendor.rotate([signers.new_key(), signers.new_key()])
    after, verdict = admitted(vendor.offer(release_of(root_version=3)), trust)
    assert (verdict.root_number, verdict.roots_taken) == (3, 2)
    line = after.line("shop")
    assert line is not None
    assert line.chain.number == 3
    assert any("1 to" not in note and "2 to 3" in note for note in verdict.notes)


def test_retired_keys_count_for_nothing(vendor: Vendor, trust: TrustState) -> None:
    old = vendor.keys
    vendor.rotate([signers.new_key()])
    after = refused(vendor.offer(keys=old), trust, ThresholdError, "0 of the 1")
    line = after.line("shop")
    assert line is not None
    assert line.chain.number == 2, "the new root is remembered though the release is refused"


def test_an_old_bundle_with_fewer_roots_is_fine(vendor: Vendor, trust: TrustState) -> None:
    keys = vendor.keys
    old = vendor.offer()
    vendor.rotate([*keys])
    newer, _ = admitted(vendor.offer(release_of(2)), trust)
    admitted(old, newer)


def test_old_roots_don_t_bring_old_keys_back(vendor: Vendor, trust: TrustState) -> None:
    old = vendor.offer()
    vendor.rotate([signers.new_key(), signers.new_key()])
    newer, _ = admitted(vendor.offer(release_of(2)), trust)
    refused(old, newer, ThresholdError, "0 of the 2")


def test_a_fork(vendor: Vendor, trust: TrustState) -> None:
    after = refused(Vendor().offer(), trust, RootError, "forked")
    assert after == trust


def test_a_gap(vendor: Vendor, trust: TrustState) -> None:
    vendor.rotate(vendor.keys)
    vendor.rotate(vendor.keys)
    offered = vendor.offer()
    gap = {n: signed for n, signed in offered.roots.items() if n != 2}
    refused(replace(offered, roots=gap), trust, RootError, "root 2 is missing")


def test_no_roots_at_all_is_fine_where_one_line_is_known(vendor: Vendor, trust: TrustState) -> None:
    admitted(replace(vendor.offer(), roots={}), trust)


def test_no_roots_where_none_is_known(vendor: Vendor) -> None:
    bare = replace(vendor.offer(), roots={})
    refused(bare, trusts.NOTHING, RootError, "carries no root")


def test_a_release_of_a_root_that_is_not_there(vendor: Vendor, trust: TrustState) -> None:
    refused(vendor.offer(release_of(root_version=2)), trust, RootError, "under root 2")


def test_a_release_that_the_newest_root_accepts_by_digest(
    vendor: Vendor, trust: TrustState
) -> None:
    old = vendor.offer()
    vendor.rotate([signers.new_key()], epoch=2, accepted_releases=(old.digest,))
    offered = replace(old, roots=vendor.roots)
    _, verdict = admitted(offered, trust)
    assert verdict.signers == frozenset()
    assert any("accepted by digest" in note for note in verdict.notes)


# --- audience -------------------------------------------------------------------------------------


def test_another_product_line(vendor: Vendor, trust: TrustState) -> None:
    other = Vendor(product="till")
    refused(other.offer(release_of(product="till")), trust, AudienceError, "'till'")


def test_another_product_under_our_root(vendor: Vendor, trust: TrustState) -> None:
    refused(vendor.offer(release_of(product="till")), trust, AudienceError, "till")


def test_another_customer(vendor: Vendor, trust: TrustState) -> None:
    theirs = release_of(audience=Audience(customers=("bank",), environments="any"))
    after = refused(vendor.offer(theirs), trust, AudienceError, "bank")
    assert after == trust, "another customer's release must leave no trace"


def test_environments(vendor: Vendor, trust: TrustState) -> None:
    release = release_of(audience=Audience(customers="any", environments=("staging",)))
    offered = vendor.offer(release)
    admitted(offered, trust)
    admitted(offered, trust, replace(HERE, environment="staging"))
    production = replace(HERE, environment="production")
    refused(offered, trust, AudienceError, "for environments staging", production)


def test_platforms(vendor: Vendor, trust: TrustState) -> None:
    offered = vendor.offer(release_of(platforms=("linux/arm64",)))
    admitted(offered, trust)
    amd64 = replace(HERE, platforms=("linux/amd64",))
    refused(offered, trust, AudienceError, "linux/arm64", amd64)


# --- floor, revocation, equivocation, epoch -------------------------------------------------------


def test_below_the_floor_of_the_channel(vendor: Vendor, trust: TrustState) -> None:
    statement = channel_of(newest_counter=9, newest_version="1.9.0", security_floor=5)
    offered = vendor.offer(release_of(4), channel=statement)
    after, verdict = admit(offered, trust, HERE)
    assert isinstance(verdict.refusal, ReleaseRefusedError)
    assert "below the security floor 5" in verdict.refusal.message
    assert "1.9.0" in verdict.refusal.hint
    line = after.line("shop")
    assert line is not None
    assert (line.floor, line.newest_counter) == (5, 9), "remembered though refused"
    refused(vendor.offer(release_of(4)), after, ReleaseRefusedError, "below")
    admitted(vendor.offer(release_of(5)), after)


def test_below_the_floor_of_a_newer_release(vendor: Vendor, trust: TrustState) -> None:
    after, _ = admitted(vendor.offer(release_of(9, security_floor=5)), trust)
    refused(vendor.offer(release_of(4)), after, ReleaseRefusedError, "below")


def test_a_refused_release_moves_no_floor(vendor: Vendor, trust: TrustState) -> None:
    theirs = release_of(
        9, security_floor=9, audience=Audience(customers=("bank",), environments="any")
    )
    after = refused(vendor.offer(theirs), trust, AudienceError, "bank")
    admitted(vendor.offer(release_of(2)), after)


def test_revoked(vendor: Vendor, trust: TrustState) -> None:
    offered = vendor.offer(release_of(3))
    statement = channel_of(revoked=(offered.digest,))
    after, _ = admitted(vendor.offer(release_of(4), channel=statement), trust)
    refused(offered, after, ReleaseRefusedError, "revoked")


def test_a_revocation_is_not_taken_back_within_an_epoch(vendor: Vendor, trust: TrustState) -> None:
    offered = vendor.offer(release_of(3))
    revoking = vendor.offer(release_of(4), channel=channel_of(1, revoked=(offered.digest,)))
    after, _ = admitted(revoking, trust)
    after, _ = admitted(vendor.offer(release_of(5), channel=channel_of(2)), after)
    refused(offered, after, ReleaseRefusedError, "revoked")


def test_equivocation(vendor: Vendor, trust: TrustState) -> None:
    after, _ = admitted(vendor.offer(release_of(3)), trust)
    other = vendor.offer(release_of(3, version="1.3.1"))
    refused(other, after, ReleaseRefusedError, "two different releases")


def test_equivocation_with_a_release_that_was_refused(vendor: Vendor, trust: TrustState) -> None:
    low = vendor.offer(release_of(3), channel=channel_of(security_floor=4))
    after = refused(low, trust, ReleaseRefusedError, "below")
    other = vendor.offer(release_of(3, version="1.3.1"))
    refused(other, after, ReleaseRefusedError, "two different releases")


def test_another_epoch(vendor: Vendor, trust: TrustState) -> None:
    refused(vendor.offer(release_of(epoch=2)), trust, ReleaseRefusedError, "epoch 2")


def test_a_new_epoch_starts_afresh(vendor: Vendor, trust: TrustState) -> None:
    far = channel_of(
        2**50, newest_counter=2**52, security_floor=2**52, issued_at="2400-01-01T00:00:00Z"
    )
    after, verdict = admit(vendor.offer(release_of(4), channel=far), trust, HERE)
    assert verdict.time.claimed is not None
    vendor.rotate([signers.new_key()], epoch=2)
    fresh = vendor.offer(
        release_of(1, epoch=2, root_version=2), channel=channel_of(1, epoch=2, newest_counter=1)
    )
    after, verdict = admitted(fresh, after)
    line = after.line("shop")
    assert line is not None
    assert (line.epoch, line.floor, line.newest_counter, line.revoked) == (2, 0, 1, ())
    assert verdict.time.certain


def test_the_installer_s_own_version(vendor: Vendor, trust: TrustState) -> None:
    offered = vendor.offer(release_of(requires=Requires(installer=">=2.0.0")))
    admitted(offered, trust, replace(HERE, installer="2.1.0"))
    refused(offered, trust, ReleaseRefusedError, ">=2.0.0", replace(HERE, installer="1.9.0"))


# --- channel --------------------------------------------------------------------------------------


def test_an_older_statement_changes_nothing(vendor: Vendor, trust: TrustState) -> None:
    new = channel_of(7, newest_counter=9, security_floor=1)
    after, _ = admitted(vendor.offer(release_of(2), channel=new), trust)
    again, verdict = admitted(vendor.offer(release_of(2), channel=channel_of(3)), after)
    assert again == after
    assert verdict.channel == new


def test_two_statements_at_one_place(vendor: Vendor, trust: TrustState) -> None:
    after, _ = admitted(vendor.offer(channel=channel_of(7)), trust)
    other = vendor.offer(channel=channel_of(7, security_floor=1))
    refused(other, after, ReleaseRefusedError, "two different channel statements")


def test_an_unsigned_statement(vendor: Vendor, trust: TrustState) -> None:
    offered = vendor.offer(channel=channel_of())
    assert offered.channel is not None
    bare = replace(offered, channel=replace(offered.channel, signatures=()))
    assert refused(bare, trust, ThresholdError, "channel.json") == trust


def test_an_old_stick_after_the_channel_keys_changed(vendor: Vendor, trust: TrustState) -> None:
    old_channel = vendor.offer(channel=channel_of(1)).channel
    vendor.rotate([signers.new_key()])
    after, _ = admitted(vendor.offer(release_of(2), channel=channel_of(2)), trust)
    stick = replace(vendor.offer(release_of(2)), channel=old_channel)
    admitted(stick, after)


def test_a_statement_about_another_product(vendor: Vendor, trust: TrustState) -> None:
    offered = vendor.offer(channel=channel_of(product="till"))
    refused(offered, trust, AudienceError, "about 'till'")


def test_a_statement_of_an_epoch_to_come(vendor: Vendor, trust: TrustState) -> None:
    refused(vendor.offer(channel=channel_of(epoch=2)), trust, RootError, "epoch 2")


def test_how_old_the_statement_is(vendor: Vendor, trust: TrustState) -> None:
    statement = channel_of(next_expected="2026-12-24T00:00:00Z", newest_counter=4)
    later = replace(HERE, now=NOW + timedelta(days=213))
    _, verdict = admitted(vendor.offer(channel=statement), trust, later)
    assert any("213 days old" in note for note in verdict.notes)
    assert any("to be expected by 2026-12-24" in note for note in verdict.notes)
    assert any("newer release is known" in note for note in verdict.notes)


def test_without_a_statement_it_is_said(vendor: Vendor, trust: TrustState) -> None:
    _, verdict = admitted(vendor.offer(), trust)
    assert any("no channel statement" in note for note in verdict.notes)


# --- several lines, time --------------------------------------------------------------------------


def test_lines_don_t_touch_each_other(vendor: Vendor, trust: TrustState) -> None:
    till = Vendor(product="till")
    signed = till.roots[1]
    both = trust.with_line(trusts.pinned(roots.pin(signed, digest(signed.document))))
    here = replace(HERE, products=("shop", "till"))
    after, _ = admitted(till.offer(release_of(8, product="till")), both, here)
    assert after.line("shop") == both.line("shop")
    admitted(vendor.offer(release_of(2)), after, here)


def test_a_time_far_ahead_is_only_claimed(vendor: Vendor, trust: TrustState) -> None:
    future = release_of(issued_at="2027-11-24T00:00:00Z")
    _, verdict = admitted(vendor.offer(future), trust)
    assert verdict.time.now == NOW
    assert not verdict.time.certain
    assert any("correct the clock" in note for note in verdict.notes)


def test_a_clock_that_is_a_little_behind(vendor: Vendor, trust: TrustState) -> None:
    issued = NOW + timedelta(hours=3)
    offered = vendor.offer(release_of(issued_at="2026-11-25T15:00:00Z"))
    _, verdict = admitted(offered, trust)
    assert (verdict.time.now, verdict.time.certain) == (issued, True)


def test_the_journal_s_last_entry_counts(trust: TrustState) -> None:
    last = NOW + timedelta(hours=25)
    assert trusts.trusted_now(trust, NOW, last).now == last
    far = trusts.trusted_now(trust, NOW, last + timedelta(seconds=1))
    assert (far.now, far.claimed) == (NOW, last + timedelta(seconds=1))


def test_a_line_may_start_at_a_later_root(vendor: Vendor) -> None:
    vendor.rotate(vendor.keys)
    trust = pinned(vendor, 2)
    _, verdict = admitted(vendor.offer(), trust)
    assert (verdict.root_number, verdict.roots_taken) == (2, 0)


def test_a_changed_line_is_sorted_in(vendor: Vendor, trust: TrustState) -> None:
    line = trust.line("shop")
    assert line is not None
    other = msgspec.structs.replace(line, product="apple")
    assert [one.product for one in trust.with_line(other).lines] == ["apple", "shop"]
