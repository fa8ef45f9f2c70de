"""Reads airferry.yaml: its types, and what they can't say."""

from __future__ import annotations

from pathlib import Path

from airferry_bundler.check import problems
from airferry_bundler.spec import FILE_NAME, Spec, SpecFile
from airferry_foundation import handwritten


def read(path: Path) -> SpecFile:
    """Read and check airferry.yaml, or the one in a folder.

    Raises HandwrittenError with every mistake and its line, MissingInputError where there is none.
    """
    file = path / FILE_NAME if path.is_dir() else path
    spec = handwritten.read(
        file, Spec, check=lambda spec, lines: problems(spec, file.parent, lines)
    )
    return SpecFile(spec, file)
