"""verify.pyz, built once, to be run or imported."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from airferry_fixtures.one_file_verifier import build


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("verify") / "verify.pyz")


@pytest.fixture(scope="session")
def main(pyz: Path) -> Callable[[list[str]], int]:
    """The program, imported out of the packed file."""
    sys.path.insert(0, str(pyz))
    try:
        module: ModuleType = importlib.import_module("airferry_verify.__main__")
    finally:
        sys.path.remove(str(pyz))
    found: Callable[[list[str]], int] = module.main
    return found
