"""Releases for entitled customers: who passes the gate, by what, and what is remembered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airferry_archive.release import Audience
from airferry_fixtures import signers
from airferry_fixtures.statements import Offered, Vendor, channel_of, release_of
from airferry_foundation import clock
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    AirferryError,
    AudienceError,
    ReleaseRefusedError,
    ThresholdError,
)
from airferry_installer import trust as trusts
from airferry_installer.admission import Alone, Context, admit, learn
from airferry_installer.trust import TrustState
from airferry_signing import roots
from airferry_signing.entitlement import Entitlement
from airferry_signing.roots import SignedDocument

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HERE = Context(now=NOW, customer="acme", products=("shop",))


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def trust(vendor: Vendor) -> TrustState:
    signed = vendor.roots[1]
    return trusts.NOTHING.with_line(trusts.pinned(roots.pin(signed, digest(signed.document))))


def entitled_release(vendor: Vendor, counter: int = 1) -> Offered:
    audience = Audience(customers="entitled", environments="any")
    return vendor.offer(release_of(counter, audience=audience))


def entitlement(
    vendor: Vendor,
    *,
    customer: str = "acme",
    products: tuple[str, ...] = ("shop",),
    issued_at: str = signers.ISSUED_AT,
    until: str | None = None,
    keys: int = 2,
) -> SignedDocument:
    made = Entitlement(
        schema="airferry.entitlement/v1",
        customer=customer,
        products=products,
        issued_at=issued_at,
        until=until,
    )
    return signers.signed(made, *vendor.keys[:keys])


def judged(
    vendor: Vendor, trust: TrustState, *offered: SignedDocument, here: Context = HERE
) -> tuple[TrustState, AirferryError | None]:
    after, verdict = admit(entitled_release(vendor), trust, replace(here, entitlements=offered))
    return after, verdict.refusal


def test_without_an_entitlement_it_is_refused(vendor: Vendor, trust: TrustState) -> None:
    _, refusal = judged(vendor, trust)
    assert isinstance(refusal, AudienceError)
    assert "no entitlement of acme" in refusal.message
    assert "beside the bundle" in str(refusal.hint)


@pytest.mark.parametrize("customer", ["title", "entitled", "any", "e"])
def test_a_customer_whose_name_is_a_part_of_the_word_needs_one_too(
    vendor: Vendor, trust: TrustState, customer: str
) -> None:
    _, refusal = judged(vendor, trust, here=replace(HERE, customer=customer))
    assert isinstance(refusal, AudienceError)


def test_with_one_it_is_admitted_and_needs_none_the_next_time(
    vendor: Vendor, trust: TrustState
) -> None:
    after, refusal = judged(vendor, trust, entitlement(vendor))
    assert refusal is None
    assert judged(vendor, after)[1] is None


def test_releases_for_any_customer_do_not_look_at_entitlements(
    vendor: Vendor, trust: TrustState
) -> None:
    bad = SignedDocument(b"{}", (b"junk",))
    after, verdict = admit(vendor.offer(), trust, replace(HERE, entitlements=(bad,)))
    assert verdict.refusal is None
    line = after.line("shop")
    assert line is not None
    assert line.entitlement is None


def test_another_customers_lets_nobody_pass(vendor: Vendor, trust: TrustState) -> None:
    after, refusal = judged(vendor, trust, entitlement(vendor, customer="globex"))
    assert isinstance(refusal, AudienceError)
    assert "another customer" in refusal.message
    assert "globex" not in refusal.message  # nobody reads the others' names
    assert judged(vendor, after)[1] is not None


def test_it_must_cover_the_product(vendor: Vendor, trust: TrustState) -> None:
    _, refusal = judged(vendor, trust, entitlement(vendor, products=("depot",)))
    assert isinstance(refusal, AudienceError)
    assert "not for shop" in refusal.message


def test_too_few_signatures(vendor: Vendor, trust: TrustState) -> None:
    _, refusal = judged(vendor, trust, entitlement(vendor, keys=1))
    assert isinstance(refusal, AudienceError)
    assert "1 of the 2 channel keys" in refusal.message


def test_a_release_key_can_not_entitle(trust: TrustState) -> None:
    keys, other = (signers.new_key(), signers.new_key()), signers.new_key()
    root = signers.root_of(
        {"root": [other], "release": keys, "channel": [other], "ack": [other]},
    )
    signed = signers.signed(root, other)
    trust = trusts.NOTHING.with_line(trusts.pinned(roots.pin(signed, digest(signed.document))))
    vendor = Vendor(keys)
    given = signers.signed(
        Entitlement(
            schema="airferry.entitlement/v1",
            customer="acme",
            products=("shop",),
            issued_at=signers.ISSUED_AT,
        ),
        *keys,
    )
    audience = Audience(customers="entitled", environments="any")
    offered = replace(vendor.offer(release_of(1, audience=audience)), roots={1: signed})
    _, verdict = admit(offered, trust, replace(HERE, entitlements=(given,)))
    assert isinstance(verdict.refusal, AudienceError)


def test_a_channel_statement_is_no_entitlement(vendor: Vendor, trust: TrustState) -> None:
    _, refusal = judged(vendor, trust, signers.signed(channel_of(), *vendor.keys))
    assert isinstance(refusal, AudienceError)


@pytest.mark.parametrize(("days", "passes"), [(1, True), (0, True), (-1, False)])
def test_it_ends(vendor: Vendor, trust: TrustState, days: int, passes: bool) -> None:
    until = clock.write(NOW + timedelta(days=days))
    _, refusal = judged(vendor, trust, entitlement(vendor, until=until))
    assert (refusal is None) == passes
    if refusal is not None:
        assert "ended at" in refusal.message


def test_a_clock_set_back_does_not_make_it_last(vendor: Vendor, trust: TrustState) -> None:
    until = clock.write(NOW - timedelta(hours=1))
    early = replace(HERE, now=NOW - timedelta(hours=2), last=NOW)
    assert judged(vendor, trust, entitlement(vendor, until=until), here=early)[1] is not None
    far = replace(HERE, now=NOW - timedelta(days=9), last=NOW)
    assert judged(vendor, trust, entitlement(vendor, until=until), here=far)[1] is not None


def test_the_one_issued_last_decides_also_where_it_says_no(
    vendor: Vendor, trust: TrustState
) -> None:
    old = entitlement(vendor)
    new = entitlement(vendor, products=("depot",), issued_at="2026-11-25T08:00:00Z")
    after, refusal = judged(vendor, trust, old)
    assert refusal is None
    after, refusal = judged(vendor, after, new)
    assert refusal is not None
    assert judged(vendor, after, old)[1] is not None


def test_new_channel_keys_end_the_old_ones_word(vendor: Vendor, trust: TrustState) -> None:
    given = entitlement(vendor)
    after, _ = judged(vendor, trust, given)
    vendor.rotate((signers.new_key(), signers.new_key()))
    after, refusal = judged(vendor, after, given)
    assert isinstance(refusal, AudienceError)
    assert judged(vendor, after, entitlement(vendor))[1] is None


# --- alone ----------------------------------------------------------------------------------------


def test_alone_it_is_remembered(vendor: Vendor, trust: TrustState) -> None:
    given = entitlement(vendor)
    after, refusal = learn(Alone("shop", entitlement=given), trust, HERE)
    assert refusal is None
    assert judged(vendor, after)[1] is None
    again, refusal = learn(Alone("shop", entitlement=given), after, HERE)
    assert (again, refusal) == (after, None)


def test_alone_an_older_one_is_refused(vendor: Vendor, trust: TrustState) -> None:
    new = entitlement(vendor, issued_at="2026-11-25T08:00:00Z")
    after, _ = learn(Alone("shop", entitlement=new), trust, HERE)
    unchanged, refusal = learn(Alone("shop", entitlement=entitlement(vendor)), after, HERE)
    assert isinstance(refusal, ReleaseRefusedError)
    assert unchanged == after


def test_alone_a_channel_statement_teaches(vendor: Vendor, trust: TrustState) -> None:
    said = signers.signed(channel_of(security_floor=1, newest_counter=3), *vendor.keys)
    after, refusal = learn(Alone("shop", channel=said), trust, HERE)
    assert refusal is None
    line = after.line("shop")
    assert line is not None
    assert (line.floor, line.newest_counter) == (1, 3)


def test_alone_a_strangers_statement_is_refused_and_roots_are_kept(
    vendor: Vendor, trust: TrustState
) -> None:
    vendor.rotate((signers.new_key(), signers.new_key()))
    said = signers.signed(channel_of(security_floor=1), signers.new_key())
    alone = Alone("shop", roots=dict(vendor.roots), channel=said)
    after, refusal = learn(alone, trust, HERE)
    assert isinstance(refusal, ThresholdError)
    line = after.line("shop")
    assert line is not None
    assert (line.chain.number, line.floor) == (2, 0)


def test_alone_of_an_unknown_line_teaches_nothing(vendor: Vendor, trust: TrustState) -> None:
    after, refusal = learn(Alone("depot"), trust, HERE)
    assert isinstance(refusal, AudienceError)
    assert after == trust
