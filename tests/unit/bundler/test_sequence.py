from __future__ import annotations

import pytest

from airferry_bundler.fleet.database import Known
from airferry_bundler.intake.sequence import judge

ONE, TWO, THREE = Known(1, "d1", None), Known(2, "d2", "d1"), Known(3, "d3", "d2")


@pytest.mark.parametrize(
    ("new", "known", "state"),
    [
        (ONE, [], "accepted"),
        (TWO, [ONE], "accepted"),
        (TWO, [ONE, THREE], "accepted"),
        (ONE, [THREE], "accepted"),
        (TWO, [ONE, TWO], "duplicate"),
        (THREE, [ONE], "gap"),
        (TWO, [], "gap"),
        (Known(2, "dX", "d1"), [ONE, TWO], "quarantined"),
        (Known(2, "dX", "dY"), [ONE], "quarantined"),
        (Known(2, "dX", "d1"), [ONE, THREE], "quarantined"),
        (Known(1, "d1", "d0"), [], "quarantined"),
        (Known(2, "d2", None), [], "quarantined"),
    ],
)
def test_where_an_export_stands(new: Known, known: list[Known], state: str) -> None:
    verdict = judge(new, known)
    assert verdict.state == state
    assert bool(verdict.reason) == (state in ("gap", "quarantined"))
