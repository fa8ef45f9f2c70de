"""`build --from`: what is on disk comes from there, and the bundle has the same bytes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_bundler import build as building
from airferry_bundler import disk
from airferry_fixtures import images
from airferry_fixtures.commands import bundler
from airferry_fixtures.product_folder import ProductFolder, product_folder
from airferry_fixtures.servers.programs import program
from airferry_fixtures.servers.registry import RegistryServer
from airferry_foundation.errors import (
    InputError,
    MissingInputError,
    RegistryMismatchError,
    RegistryUnreachableError,
)
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("registry")

Start = Callable[..., RegistryServer]
WEB = images.tiny(b"web")


@pytest.fixture
def product(tmp_path: Path, start_registry: Start) -> ProductFolder:
    """A product that was released and built; its registry is gone since."""
    registry = start_registry()
    client = RegistryClient(RegistrySettings(registry.address, plain_http=True))
    images.push_image(client, "shop/web", "1", WEB)
    made = product_folder(
        tmp_path / "v",
        [f"{registry.address}/shop/web:1"],
        registries={registry.address: "plain_http: true"},
        files={"docs/a.md": "a\n"},
    )
    made.release()
    made.build()
    registry.stop()
    return made


def again(product: ProductFolder, *sources: Path) -> bytes:
    out = product.folder / "again.tar.zst"
    return building.build(product.spec_file, out, sources=sources).path.read_bytes()


def unpacked(product: ProductFolder, folder: Path) -> Path:
    folder.mkdir()
    command = ["tar", "--zstd", "-xf", product.bundle, "-C", folder]
    subprocess.run(command, check=True)
    return folder


def test_without_them_the_registry_is_needed(product: ProductFolder) -> None:
    out = product.folder / "again.tar.zst"
    assert bundler("build", "-f", product.folder, "-o", out).code == 31
    ran = bundler("build", "-f", product.folder, "-o", out, "--from", product.bundle)
    assert ran.code == 0, ran.stderr
    assert out.read_bytes() == product.bundle.read_bytes()


def test_an_earlier_bundle(product: ProductFolder) -> None:
    assert again(product, product.bundle) == product.bundle.read_bytes()


def test_a_folder_that_has_a_bundle(product: ProductFolder, tmp_path: Path) -> None:
    stick = tmp_path / "stick" / "shop"
    stick.mkdir(parents=True)
    product.bundle.rename(stick / "old.tar.zst")
    assert again(product, stick.parent) == (stick / "old.tar.zst").read_bytes()


def test_an_oci_layout(product: ProductFolder, tmp_path: Path) -> None:
    layout = images.write_layout(tmp_path / "layout", {"web": WEB})
    assert again(product, layout) == product.bundle.read_bytes()
    assert again(product, unpacked(product, tmp_path / "u")) == product.bundle.read_bytes()


def test_a_folder_of_blobs_whatever_they_are_called(product: ProductFolder, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "deep"
    folder.mkdir(parents=True)
    for number, blob in enumerate((*WEB.blobs, WEB.manifest)):
        (folder / f"file-{number}").write_bytes(blob.data)
    (folder / "noise").write_bytes(b"noise")
    assert again(product, folder.parent) == product.bundle.read_bytes()


def test_a_tar_of_docker_save(tmp_path: Path) -> None:
    """Locked from one place, taken from a copy in another, also inside a folder."""
    (tmp_path / "v").mkdir()
    tar = images.write_docker_archive(tmp_path / "v" / "web.tar", "acme/web:1", WEB)
    made = product_folder(tmp_path / "v", ['"docker-archive:web.tar"'])
    made.release()
    bundle = made.build().read_bytes()
    kept = tmp_path / "kept"
    kept.mkdir()
    copy = kept / "copy.tar"
    copy.write_bytes(tar.read_bytes())
    for source in (copy, kept):
        with disk.opened([source], building.prepare(made.spec_file).release.blobs) as found:
            assert len(found.sources) == (1 if source == copy else 2)
        assert again(made, source) == bundle


def test_the_rest_comes_from_the_registry(tmp_path: Path, start_registry: Start) -> None:
    registry = start_registry()
    client = RegistryClient(RegistrySettings(registry.address, plain_http=True))
    images.push_image(client, "shop/web", "1", WEB)
    made = product_folder(
        tmp_path / "v",
        [f"{registry.address}/shop/web:1"],
        registries={registry.address: "plain_http: true"},
    )
    made.release()
    folder = tmp_path / "some"
    folder.mkdir()
    (folder / "layer").write_bytes(WEB.layers[0].blob.data)
    assert again(made, folder) == made.build().read_bytes()


CHART = {
    "Chart.yaml": "apiVersion: v2\nname: cache\nversion: 2.1.0\n",
    "values.yaml": "size: 1\n",
    "values.schema.json": '{"type": "object"}',
    "templates/map.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cache}\n",
}


@pytest.fixture
def with_chart(tmp_path: Path, start_registry: Start) -> ProductFolder:
    """A product with a chart, pushed by Helm; built, and beside it what skopeo copied of both."""
    registry = start_registry()
    client = RegistryClient(RegistrySettings(registry.address, plain_http=True))
    images.push_image(client, "shop/web", "1", WEB)
    for name, text in CHART.items():
        path = tmp_path / "cache" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(*words: str | Path) -> None:
        subprocess.run(words, check=True, capture_output=True)

    run(program("helm"), "package", tmp_path / "cache", "-d", tmp_path)
    charts = f"oci://{registry.address}/charts"
    run(program("helm"), "push", tmp_path / "cache-2.1.0.tgz", charts, "--plain-http")
    for kind in ("oci", "dir"):
        (tmp_path / kind).mkdir()
        for source in ("shop/web:1", "charts/cache:2.1.0"):
            name = source.partition(":")[0].rpartition("/")[2]
            target = f"{tmp_path}/{kind}" + (f":{name}" if kind == "oci" else f"/{name}")
            copy = ("skopeo", "copy", "--src-tls-verify=false")
            run(*copy, f"docker://{registry.address}/{source}", f"{kind}:{target}")
    made = product_folder(
        tmp_path / "v",
        [f"{registry.address}/shop/web:1"],
        registries={registry.address: "plain_http: true"},
    )
    spec = made.folder / "airferry.yaml"
    entry = f'{{ref: "{charts}/cache", version: 2.1.0, release_name: cache, namespace: shop}}'
    spec.write_text(f"{spec.read_text()}charts:\n  - {entry}\n")
    made.release()
    made.build()
    registry.stop()
    return made


@pytest.mark.program("helm", "skopeo")
def test_charts_of_a_registry_come_from_there_too(
    with_chart: ProductFolder, tmp_path: Path
) -> None:
    """No registry is asked: there is none any more."""
    built = with_chart.bundle.read_bytes()
    sources = (with_chart.bundle, unpacked(with_chart, tmp_path / "u"), tmp_path / "oci")
    for source in (*sources, tmp_path / "dir"):
        assert again(with_chart, source) == built
    with pytest.raises(RegistryUnreachableError):
        again(with_chart, tmp_path / "dir" / "web")
    layer = tmp_path / "oci" / "blobs" / "sha256" / digest_of_chart(with_chart)[7:]
    layer.write_bytes(layer.read_bytes()[:-1] + b"!")
    with pytest.raises(RegistryMismatchError, match="can't give blob"):
        again(with_chart, tmp_path / "oci")


def digest_of_chart(product: ProductFolder) -> str:
    release = json.loads((product.folder / "release.json").read_bytes())
    return str(release["charts"][0]["content"])


@pytest.mark.parametrize("kind", ["layout", "bundle"])
def test_what_is_damaged_is_named(product: ProductFolder, tmp_path: Path, kind: str) -> None:
    source = images.write_layout(tmp_path / "source", {"web": WEB})
    layer = source / "blobs" / "sha256" / WEB.layers[1].blob.digest[7:]
    layer.write_bytes(layer.read_bytes()[:-1] + b"!")
    if kind == "bundle":
        data = product.bundle.read_bytes()
        at = data.index(WEB.layers[1].blob.data)
        source = tmp_path / "damaged.tar.zst"
        source.write_bytes(data[:at] + b"!" + data[at + 1 :])
    with pytest.raises(RegistryMismatchError) as caught:
        again(product, source)
    assert str(source) in caught.value.message
    assert "--from" in caught.value.hint
    assert not (product.folder / "again.tar.zst").exists()


def test_what_is_no_source(product: ProductFolder, tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        again(product, tmp_path / "none")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InputError, match="is no bundle"):
        again(product, tmp_path / "text")
