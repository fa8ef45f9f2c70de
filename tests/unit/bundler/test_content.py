"""Local files, read and packed."""

from __future__ import annotations

from pathlib import Path

import pytest

from airferry_bundler import content
from airferry_bundler.spec import Audience, ChartSource, ManifestSource, Spec, SpecFile
from airferry_foundation.digests import digest
from airferry_foundation.errors import ChartError, InputError


def a_product(folder: Path) -> SpecFile:
    chart = folder / "charts" / "shop"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n", "utf-8")
    (folder / "m" / "inner").mkdir(parents=True)
    (folder / "m" / "b.yaml").write_bytes(b"kind: B")
    (folder / "m" / "inner" / "a.yml").write_bytes(b"kind: A\n")
    (folder / "m" / "notes.txt").write_bytes(b"no")
    for name in ("base.yaml", "all.yaml", "docs.md", "catalogue.yaml"):
        (folder / name).write_text(f"name: {name}\n", "utf-8")
    spec = Spec(
        product="shop",
        version="1.0.0",
        counter=1,
        audience=Audience(),
        platforms=("linux/amd64",),
        charts=(
            ChartSource(
                path="charts/shop", release_name="shop", namespace="shop",
                values=("base.yaml",), render_with=("all.yaml",),
            ),
        ),
        manifests=(ManifestSource(path="m", namespace="shop"),),
        files=("docs.md",),
        catalogue="catalogue.yaml",
    )  # fmt: skip
    return SpecFile(spec, folder / "airferry.yaml")


def test_every_path_of_the_spec_has_a_digest(tmp_path: Path) -> None:
    found = content.gather(a_product(tmp_path))
    assert set(found.sources) == {
        "charts/shop", "m", "base.yaml", "all.yaml", "docs.md", "catalogue.yaml",
    }  # fmt: skip
    assert found.sources["docs.md"] == digest(b"name: docs.md\n")


def test_manifests_are_one_stream_in_the_order_of_their_paths(tmp_path: Path) -> None:
    found = content.gather(a_product(tmp_path))
    assert found.streams == {"m": b"kind: B\n---\nkind: A\n"}


def test_two_folders_give_the_same(tmp_path: Path) -> None:
    first = content.gather(a_product(tmp_path / "one"))
    second = content.gather(a_product(tmp_path / "somewhere" / "else"))
    assert first == second


def test_a_changed_template_changes_the_chart(tmp_path: Path) -> None:
    spec_file = a_product(tmp_path)
    before = content.gather(spec_file).sources["charts/shop"]
    (tmp_path / "charts" / "shop" / "values.yaml").write_text("a: 1\n", "utf-8")
    assert content.gather(spec_file).sources["charts/shop"] != before


def test_a_package_is_taken_as_it_is(tmp_path: Path) -> None:
    a_product(tmp_path)
    package = content.chart_package(tmp_path / "charts" / "shop")
    (tmp_path / "shop-0.1.0.tgz").write_bytes(package)
    assert content.chart_package(tmp_path / "shop-0.1.0.tgz") == package


def test_a_single_file_of_manifests(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_bytes(b"kind: A")
    source = ManifestSource(path="all.yaml", namespace="shop")
    assert content.manifest_stream(tmp_path / "all.yaml", source) == b"kind: A\n"


def test_a_folder_without_manifests(tmp_path: Path) -> None:
    with pytest.raises(ChartError, match=r"holds no \.yaml"):
        content.manifest_stream(tmp_path, ManifestSource(path="m", namespace="shop"))


def test_a_link_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_bytes(b"a: 1\n")
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "a.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(InputError, match="leads out of"):
        content.manifest_stream(tmp_path / "m", ManifestSource(path="m", namespace="shop"))
