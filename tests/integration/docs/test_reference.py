"""The reference pages are what the code says now."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", REFERENCE / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page", ["exit-codes.md", "airferry-bundler.md", "airferry-installer.md", "documents.md"]
)
def test_page_is_what_the_code_says(page: str) -> None:
    assert (REFERENCE / page).read_text() == _generator().pages()[page], "run: make docs"


def test_every_error_class_has_an_exit_code_of_its_own() -> None:
    generator = _generator()
    generator.exit_codes()
    codes = [kind.exit_code for kind in generator._errors()]
    assert len(codes) == len(set(codes))
