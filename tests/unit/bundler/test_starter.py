"""The first airferry.yaml."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airferry_bundler import spec, spec_file, starter
from airferry_foundation import handwritten
from airferry_foundation.errors import InputError


def test_an_empty_folder_gets_a_spec_without_mistakes(tmp_path: Path) -> None:
    folder = tmp_path / "My Shop!"
    read = spec_file.read(starter.write(folder))
    assert read.spec.product == "my-shop"
    assert read.spec.charts == ()


def test_charts_and_manifests_that_are_there_are_taken_in(tmp_path: Path) -> None:
    for name in ("web", "db"):
        (tmp_path / "charts" / name).mkdir(parents=True)
        text = f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n"
        (tmp_path / "charts" / name / "Chart.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "manifests").mkdir()
    read = spec_file.read(starter.write(tmp_path)).spec
    assert [chart.path for chart in read.charts] == ["charts/db", "charts/web"]
    assert read.manifests[0].path == "manifests"


def test_the_examples_in_comments_are_right(tmp_path: Path) -> None:
    written = starter.write(tmp_path / "shop").read_text(encoding="utf-8")
    lines = [line for line in written.splitlines() if not re.match("# [^ ]", line)]
    text = "\n".join(line.removeprefix("#") for line in lines)
    text = text.replace("images: []", "images:").replace("charts: []", "charts:")
    text = text.replace("inputs: {}", "inputs:").replace("generated: []", "generated:")
    read = handwritten.parse(text.encode(), spec.Spec, name="starter")
    assert len(read.images) == 3
    assert len(read.charts) == 2
    assert set(read.inputs) == {"host", "admin_password"}
    assert read.generated[0].path == "/data/password"


def test_an_existing_spec_stays(tmp_path: Path) -> None:
    starter.write(tmp_path)
    with pytest.raises(InputError, match="exists already"):
        starter.write(tmp_path)
