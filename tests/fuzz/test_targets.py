"""Every reader of foreign bytes, fuzzed for a bounded time; `make fuzz SECONDS=3600` goes on.

What a longer run found is in `found/`, one file an input, named after its target: it stays refused
in order.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airferry_fixtures.fuzz.campaign import fuzz
from airferry_fixtures.fuzz.targets import Target, kinds, targets

SECONDS = float(os.environ.get("AIRFERRY_FUZZ_SECONDS", "20"))
FOUND = sorted((Path(__file__).parent / "found").iterdir())
TARGETS = {target.name: target for target in targets()}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_good_inputs_are_accepted(target: Target) -> None:
    assert all(target.judge(seed) for seed in target.seeds)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_changed_inputs_are_accepted_or_refused_in_order(target: Target) -> None:
    outcome = fuzz(target, SECONDS / len(TARGETS))
    assert outcome.found == {}
    assert outcome.tried


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_once_is_refused(path: Path) -> None:
    assert not TARGETS[path.name.partition("--")[0]].judge(path.read_bytes())


def test_every_document_with_a_schema_has_a_target() -> None:
    assert set(kinds()) <= set(TARGETS)
