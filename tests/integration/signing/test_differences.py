"""Ours, cosign and @sigstore/verify over one corpus: every difference is known and explained."""

from __future__ import annotations

import pytest

from airferry_fixtures.signature_differences import PAGE, Judged, judge_all, page

pytestmark = pytest.mark.program("cosign", "sigstore-verify", "node")


@pytest.fixture(scope="module")
def judged() -> tuple[Judged, ...]:
    return judge_all()


def test_ours_accepts_what_is_genuine_and_nothing_else(judged: tuple[Judged, ...]) -> None:
    assert [one.case.name for one in judged if one.ours != one.case.genuine] == []


def test_whatever_ours_accepts_the_others_accept(judged: tuple[Judged, ...]) -> None:
    alone = [one.case.name for one in judged if one.ours and not (one.cosign and one.npm)]
    assert alone == []


def test_every_difference_is_explained(judged: tuple[Judged, ...]) -> None:
    assert [one.case.name for one in judged if one.differ and not one.case.why] == []


def test_cosign_alone_would_take_an_attestation(judged: tuple[Judged, ...]) -> None:
    """Why there is no cosign-only mode; if this fails, the page can be shorter."""
    (about,) = [one for one in judged if "attestation about" in one.case.name]
    assert (about.ours, about.cosign) == (False, True)


def test_the_page_says_so(judged: tuple[Judged, ...]) -> None:
    assert PAGE.read_text() == page(judged), (
        "run: PYTHONPATH=fixtures .venv/bin/python -m airferry_fixtures.signature_differences"
    )
