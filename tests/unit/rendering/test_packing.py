from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from airferry_foundation.errors import ChartError, MissingInputError
from airferry_rendering import packing


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout" / "a-folder"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n")
    (folder / "templates" / "a.yaml").write_text("a: 1\n")
    return folder


def names(package: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
        return archive.getnames()


def test_a_package_is_named_after_its_chart_and_sorted(chart: Path) -> None:
    assert names(packing.pack_chart(chart)) == ["shop/Chart.yaml", "shop/templates/a.yaml"]


def test_times_rights_and_the_folder_do_not_change_a_byte(chart: Path, tmp_path: Path) -> None:
    first = packing.pack_chart(chart)
    moved = tmp_path / "elsewhere"
    chart.rename(moved)
    os.utime(moved / "Chart.yaml", (1, 1))
    (moved / "Chart.yaml").chmod(0o600)
    assert packing.pack_chart(moved) == first


def test_the_compression_is_valid_over_many_blocks() -> None:
    data = os.urandom(200_000)
    package = packing.pack_files({"x/a": data, "x/empty": b""})
    assert packing.unpack(package, name="x") == {"x/a": data, "x/empty": b""}
    assert len(gzip.decompress(package)) % 512 == 0


def test_helmignore_is_obeyed(chart: Path) -> None:
    (chart / ".helmignore").write_text("# what stays\n*.md\nci/\n/templates/b.yaml\n.helmignore\n")
    (chart / "ci").mkdir()
    for path in ("README.md", "ci/x.yaml", "templates/b.yaml", "templates/.hidden", "._a"):
        (chart / path).write_text("x")
    assert names(packing.pack_chart(chart)) == ["shop/Chart.yaml", "shop/templates/a.yaml"]


def test_a_negated_rule_leaves_out_all_else_as_in_helm(chart: Path) -> None:
    (chart / ".helmignore").write_text("!*.yaml\n")
    assert names(packing.pack_chart(chart)) == ["shop/Chart.yaml"]


def test_a_link_out_of_the_chart_is_refused(chart: Path) -> None:
    (chart / "out").symlink_to("/etc/hostname")
    with pytest.raises(ChartError, match="link that leads out"):
        packing.pack_chart(chart)


@pytest.mark.parametrize("text", ["", "name: [", "version: 1", "name: a/b"])
def test_a_chart_without_a_name_is_refused(chart: Path, text: str) -> None:
    (chart / "Chart.yaml").write_text(text)
    with pytest.raises(ChartError, match=r"Chart\.yaml"):
        packing.pack_chart(chart)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no-such"):
        packing.pack_chart(tmp_path / "no-such")


@pytest.mark.parametrize(
    "data", [b"", b"not a tar", gzip.compress(b"x" * 2000, mtime=0), b"\x1f\x8b\x08"]
)
def test_what_is_no_package_is_refused(data: bytes) -> None:
    with pytest.raises(ChartError, match=r"c\.tgz"):
        packing.unpack(data, name="c.tgz")


def test_links_and_bombs_in_a_package_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo("c/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(ChartError, match="no plain file"):
        packing.unpack(buffer.getvalue(), name="c")
    monkeypatch.setattr(packing, "MAX_PACKAGE", 10)
    with pytest.raises(ChartError, match="unpacks to more"):
        packing.unpack(packing.pack_files({"c/a": b"x" * 11}), name="c")
