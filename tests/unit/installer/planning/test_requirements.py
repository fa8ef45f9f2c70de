from __future__ import annotations

from typing import Any

import pytest

from airferry_archive.release import Audience, Release, Requires
from airferry_foundation.digests import digest
from airferry_foundation.errors import AudienceError, ReleaseRefusedError
from airferry_installer.planning import requirements
from airferry_installer.planning.plan import Running


def release(version: str = "2.0.0", **fields: Any) -> Release:
    return Release(
        schema="airferry.release/v1",
        product="shop",
        version=version,
        epoch=1,
        release_counter=1,
        security_floor=0,
        root_version=1,
        issued_at="2026-11-24T12:00:00Z",
        audience=Audience(customers="any", environments="any"),
        platforms=("linux/amd64",),
        blobs=(),
        members={},
        **fields,
    )


def running(version: str) -> Running:
    some = digest(b"x")
    return Running(
        product="shop", version=version, release=some, rendered=some, epoch=1, release_counter=1
    )


def test_a_release_that_fits_is_let_through() -> None:
    wanted = release(upgrade_from=">=1.3.0", required_stops=("1.5.0",))
    requirements.check(wanted, None, "v1.37.2")
    requirements.check(wanted, running("1.5.0"), "v1.37.2")
    requirements.check(wanted, running("2.0.0"), "odd")


@pytest.mark.parametrize("found", ["v1.28.9", "v1.28.15-gke.1"])
def test_another_kubernetes_is_refused(found: str) -> None:
    wanted = release(requires=Requires(kubernetes=">=1.29"))
    requirements.check(wanted, None, "v1.29.0-eks-abc")
    with pytest.raises(AudienceError, match=r"needs Kubernetes >=1\.29"):
        requirements.check(wanted, None, found)


def test_a_step_that_is_too_wide_is_refused() -> None:
    with pytest.raises(ReleaseRefusedError, match=r"may follow only >=1\.3\.0"):
        requirements.check(release(upgrade_from=">=1.3.0"), running("1.2.0"), "v1.37.2")


def test_a_version_that_may_not_be_skipped_is_named() -> None:
    with pytest.raises(ReleaseRefusedError, match=r"1\.5\.0 may not be skipped"):
        requirements.check(release(required_stops=("1.5.0",)), running("1.4.0"), "v1.37.2")


@pytest.mark.parametrize(
    ("fields", "now", "way"),
    [
        ({"required_stops": ("1.5.0", "1.4.5")}, "1.4.0", "1.4.0 -> 1.4.5 -> 1.5.0 -> 2.0.0"),
        ({"required_stops": ("1.5.0", "1.4.5")}, "1.4.5", "1.4.5 -> 1.5.0 -> 2.0.0"),
        ({"upgrade_from": ">=1.6.0"}, "1.4.0", "1.4.0 -> a version within >=1.6.0 -> 2.0.0"),
        (
            {"upgrade_from": ">=1.6.0", "required_stops": ("1.5.0",)},
            "1.4.0",
            "1.4.0 -> 1.5.0 -> a version within >=1.6.0 -> 2.0.0",
        ),
        (
            {"upgrade_from": ">=1.5.0", "required_stops": ("1.5.0",)},
            "1.4.0",
            "1.4.0 -> 1.5.0 -> 2.0.0",
        ),
    ],
)
def test_the_refusal_says_the_way(fields: dict[str, Any], now: str, way: str) -> None:
    with pytest.raises(ReleaseRefusedError) as refused:
        requirements.check(release(version="2.0.0", **fields), running(now), "v1.37.2")
    assert f"The way: {way}." in str(refused.value.hint)
