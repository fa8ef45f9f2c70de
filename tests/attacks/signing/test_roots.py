"""Row 4 of the threat table: gaps, forks, the wrong threshold, another product, other epochs."""

from __future__ import annotations

import pytest

from airferry_fixtures.signers import VendorKey, new_key, root_of, signed
from airferry_foundation.digests import digest
from airferry_foundation.errors import RootError, SignatureError, TrustError
from airferry_signing import roots
from airferry_signing.roots import RootChain, SignedDocument

A, B, C, THIEF = new_key(), new_key(), new_key(), new_key()
FIRST = signed(root_of([A, B, C], thresholds={"root": 2}), A, B)
KNOWN = roots.pin(FIRST, digest(FIRST.document))


def _refused(offered: dict[int, SignedDocument], known: RootChain = KNOWN) -> str:
    kept, error = roots.advance(known, offered, cosign=None)
    assert isinstance(error, TrustError)
    assert kept.signed[: len(known.signed)] == known.signed
    with pytest.raises(type(error)):
        roots.extend(known, offered, cosign=None)
    return error.message


def _second(*signers: VendorKey, threshold: int = 2, **changes: object) -> SignedDocument:
    root = root_of([A, B, C], number=2, thresholds={"root": threshold})
    changed = {name: getattr(root, name) for name in root.__struct_fields__} | changes
    return signed(type(root)(**changed), *signers)


def test_a_right_second_root_is_taken() -> None:
    assert roots.extend(KNOWN, {2: _second(A, B)}, cosign=None).number == 2


def test_another_fingerprint_pins_nothing() -> None:
    with pytest.raises(RootError, match="another fingerprint"):
        roots.pin(signed(root_of([THIEF])), digest(FIRST.document))


def test_pinning_takes_no_root_by_its_number() -> None:
    offered = {1: signed(root_of([THIEF]), THIEF)}
    with pytest.raises(RootError, match="another fingerprint"):
        roots.pin(offered, digest(FIRST.document))


def test_a_gap() -> None:
    third = signed(root_of([A, B], number=3), A, B)
    assert "root 2 is missing" in _refused({1: FIRST, 3: third})


def test_a_fork_of_a_known_root() -> None:
    other = signed(root_of([A, B, THIEF], thresholds={"root": 2}), A, B)
    assert "root 1 is forked" in _refused({1: other})


def test_a_fork_is_refused_with_all_that_follows_it() -> None:
    known = roots.extend(KNOWN, {2: _second(A, B)}, cosign=None)
    fork = _second(A, B, issued_at="2027-01-01T00:00:00Z")
    third = signed(root_of([A], number=3), A, B)
    assert "root 2 is forked" in _refused({1: FIRST, 2: fork, 3: third}, known)


def test_too_few_of_the_root_before() -> None:
    """The new root lowers its threshold to one; the old one still demands two."""
    assert "1 of the 2 root keys" in _refused({2: _second(A, threshold=1)})


def test_too_few_of_the_root_itself() -> None:
    """Enough old holders hand over to keys that have not signed: a typo would lock all out."""
    handed_over = signed(root_of([THIEF], number=2), A, B)
    assert "0 of the 1 root keys" in _refused({2: handed_over})


def test_a_thief_who_signs_for_himself() -> None:
    assert "0 of the 2" in _refused({2: signed(root_of([THIEF], number=2), THIEF)})


def test_release_keys_cannot_make_roots() -> None:
    holders = {"root": [A], "release": [THIEF], "channel": [THIEF], "ack": [THIEF]}
    first = signed(root_of(holders))  # type: ignore[arg-type]
    known = roots.pin(first, digest(first.document))
    second = signed(root_of([THIEF], number=2), THIEF)
    assert "0 of the 1 root keys" in _refused({2: second}, known)


def test_another_product() -> None:
    assert "for 'other', expected 'shop'" in _refused({2: _second(A, B, product="other")})


@pytest.mark.parametrize("epoch", [3, 1000])
def test_an_epoch_that_leaps(epoch: int) -> None:
    assert f"epoch {epoch}" in _refused({2: _second(A, B, epoch=epoch)})


def test_an_epoch_that_goes_back() -> None:
    second = signed(root_of([A], number=2, epoch=2), A, B)
    known = roots.extend(KNOWN, {2: second}, cosign=None)
    assert "epoch 1" in _refused({3: signed(root_of([A], number=3), A)}, known)


def test_a_number_that_is_not_its_own() -> None:
    assert "says that it is root 7" in _refused({2: _second(A, B, number=7)})


def test_an_old_root_under_a_new_number() -> None:
    assert "says that it is root 1" in _refused({2: FIRST})


def test_a_signature_of_the_first_root_on_the_second() -> None:
    second = SignedDocument(_second().document, FIRST.signatures)
    kept, error = roots.advance(KNOWN, {2: second}, cosign=None)
    assert kept == KNOWN
    assert isinstance(error, SignatureError)


def test_sixty_five_roots() -> None:
    assert "at most 64" in _refused(dict.fromkeys(range(1, 66), FIRST))


def test_a_root_of_megabytes() -> None:
    assert "at most" in _refused({2: SignedDocument(b" " * 100_000, ())})
