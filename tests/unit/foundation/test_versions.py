from __future__ import annotations

import pytest

from airferry_foundation import versions
from airferry_foundation.errors import InputError

ORDER = [
    "0.9.9", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
    "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.10.0", "2.0.0",
]  # fmt: skip


def test_versions_order_as_semver_orders() -> None:
    parsed = [versions.parse(text) for text in ORDER]
    assert sorted({*parsed}) == parsed


@pytest.mark.parametrize(
    "text", ["1", "1.4", "v1.4.0", "1.4.0+build", "01.4.0", "1.4.0-", "1.4.0-01", ""]
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        versions.parse(text)


@pytest.mark.parametrize(
    ("version", "spec", "holds"),
    [
        ("1.29.3", ">=1.29", True),
        ("1.28.9", ">=1.29", False),
        ("1.5.0", ">=1.2.0 <2.0.0", True),
        ("2.0.0", ">=1.2.0 <2.0.0", False),
        ("2.0.0-rc.1", "<2.0.0", True),
        ("1.4.0", "=1.4.0", True),
        ("1.4.0", ">1.4.0", False),
        ("1.4.0", "<=1.4.0", True),
    ],
)
def test_ranges(version: str, spec: str, holds: bool) -> None:
    assert versions.within(versions.parse(version), spec) is holds


def test_a_range_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="comparator"):
        versions.within(versions.parse("1.0.0"), "~1.0")
