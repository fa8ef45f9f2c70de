"""Every threat of the security page is linked to tests, and every link leads to a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "docs" / "explanation"
PAGE = (FOLDER / "security.md").read_text()
LINK = re.compile(r"\]\((\.\./\.\./tests/[^)#]+)#(\w+)\)")
TABLE = PAGE.partition("## What is promised")[2].partition("## What is not promised")[0]
ROWS = [line.strip("|").split("|") for line in TABLE.splitlines() if line.startswith("| ")][1:]

THREATS = (
    "bytes changed", "unsigned", "signed by a stranger", "root chain", "old release replayed",
    "another customer", "bombs", "names that escape", "file changed between", "`load` changing",
    "clock moved", "registry that lies", "hostile chart", "approval forged", "telemetry read",
    "secrets in logs",
)  # fmt: skip


def test_every_threat_has_a_row() -> None:
    assert len(ROWS) == len(THREATS)
    for row, threat in zip(ROWS, THREATS, strict=True):
        assert row[0].strip().startswith(threat)


@pytest.mark.parametrize("row", ROWS, ids=THREATS)
def test_every_row_is_linked_to_tests_that_are_there(row: list[str]) -> None:
    links = LINK.findall(row[2])
    assert links
    for path, name in links:
        text = (FOLDER / path).read_text()
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), f"{path} has no {name}"


def test_every_other_link_leads_somewhere() -> None:
    for path in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (FOLDER / path).exists(), path
