from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from provision.finding import find, numbers, version_of
from provision.pins import load

COSIGN = load()["cosign"]
PutProgram = Callable[[str, str], Path]


@pytest.mark.parametrize(
    ("says", "fits"),
    [
        ("GitVersion:    v3.1.2", True),
        ("GitVersion:    v3.0.4", True),
        ("GitVersion:    v3.0.3", False),
        ("GitVersion:    v2.9.9", False),
        ("GitVersion:    v4.0.0", False),
        ("GitVersion:    devel", False),
        ("", False),
    ],
)
def test_a_program_on_path_must_fit(put_program: PutProgram, says: str, fits: bool) -> None:
    program = put_program("cosign", says)
    assert find(COSIGN) == (program if fits else None)


def test_the_cache_goes_before_path(put_program: PutProgram) -> None:
    put_program("cosign", "GitVersion: v3.2.0")
    COSIGN.cached.parent.mkdir(parents=True)
    COSIGN.cached.touch()
    assert find(COSIGN) == COSIGN.cached


def test_a_program_without_a_version_fits_as_it_is(put_program: PutProgram) -> None:
    silent = replace(COSIGN, name="silent", ask=())
    assert find(silent) is None
    program = put_program("silent", "whatever")
    assert find(silent) == program


def test_a_file_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert version_of(COSIGN, tmp_path / "nothing") is None


def test_versions_compare_as_numbers() -> None:
    assert numbers("3.10.0") > numbers("3.9.9")
