"""`lock` of the shop: images pinned in a real registry, charts rendered with real helm."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_bundler import lock as locks
from airferry_bundler import locking, release, spec_file
from airferry_bundler.check import chart_name
from airferry_bundler.content import chart_package
from airferry_fixtures.commands import bundler
from airferry_fixtures.servers.programs import program
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.shop import make_shop
from airferry_fixtures.vendor import make_vendor
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError, RegistryMissingError

pytestmark = pytest.mark.program("helm")


@pytest.fixture(autouse=True)
def _fixed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")


def test_the_shop_locks(tmp_path: Path, registry: RegistryServer) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    make_vendor(path.parent)
    found = locking.make(spec_file.read(path))
    made = found.lock.release
    names = [image.name.removeprefix(f"{registry.address}/shop/") for image in made.images]
    assert names == ["migrate:1.4.0", "store:1.4.0", "tools:1.4.0", "web:1.4.0"]
    web = made.images[3]
    assert web.index is not None
    assert web.digest == web.platforms["linux/amd64"] != web.index
    assert [chart.name for chart in made.charts] == ["shop", "store"]
    assert all(chart.schema for chart in made.charts)
    assert made.issued_at == "2026-01-01T00:00:00Z"
    assert any("added" in note and "web:1.4.0" in note for note in found.notes)
    assert set(made.members) == {"README.txt", "index.json", "oci-layout"}


def test_all_platforms_of_the_index_are_carried(tmp_path: Path, registry: RegistryServer) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    text = path.read_text("utf-8").replace("[linux/amd64]", "[linux/arm64, linux/amd64]")
    path.write_text(text, "utf-8")
    ran = bundler("lock", "-f", path)
    told = ran.stderr
    assert ran.code == 17
    assert "has no linux/arm64; it has linux/amd64" in told


def test_two_checkouts_give_the_same_lock(tmp_path: Path, registry: RegistryServer) -> None:
    one = make_shop(tmp_path / "one", registry.address)
    two = make_shop(tmp_path / "some" / "where" / "else", registry.address)
    text = two.read_text("utf-8").replace("product: shop", "# a comment\nproduct: shop")
    two.write_text(text, "utf-8")
    first, second = (locks.encode(locking.make(spec_file.read(path)).lock) for path in (one, two))
    assert first == second
    assert str(tmp_path).encode() not in first


def test_release_json_follows_from_the_lock_alone(tmp_path: Path, registry: RegistryServer) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    locking.make(spec_file.read(path)).write()
    read = locks.read(path.parent)
    first = release.release_bytes(read)
    assert documents.encode(read.release) == first
    made = release.make(spec_file.read(path))
    assert made.path.read_bytes() == first
    assert made.digest == digest(first)
    assert release.make(spec_file.read(path)).stale == ()


def test_a_new_release_takes_old_signatures_away(tmp_path: Path, registry: RegistryServer) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    vendor = make_vendor(path.parent)
    locking.make(spec_file.read(path)).write()
    release.make(spec_file.read(path))
    vendor.sign_release()
    path.write_text(path.read_text("utf-8").replace("counter: 14", "counter: 15"), "utf-8")
    locking.make(spec_file.read(path)).write()
    made = release.make(spec_file.read(path))
    assert made.stale == ("release.json.1.sigstore.json", "release.json.2.sigstore.json")
    assert not list(path.parent.glob("release.json.*.sigstore.json"))


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("airferry.yaml", "was made from another airferry.yaml"),
        ("values/base.yaml", "changed since"),
        ("charts/shop/templates/web.yaml", "changed since"),
        ("manifests/notice.yaml", "changed since"),
        ("docs/upgrade.md", "changed since"),
    ],
)
def test_a_stale_lock_is_refused(
    tmp_path: Path, registry: RegistryServer, file: str, told: str
) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    locking.make(spec_file.read(path)).write()
    changed = path.parent / file
    text = changed.read_text("utf-8").replace("counter: 14", "counter: 15")
    changed.write_text(text + "\n# more\n", "utf-8")
    ran = bundler("release", "-f", path)
    assert ran.code == 15
    assert told in ran.stderr
    assert "airferry-bundler lock" in ran.stderr
    assert not (path.parent / "release.json").exists()


def test_a_comment_in_the_spec_does_not_make_it_stale(
    tmp_path: Path, registry: RegistryServer
) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    locking.make(spec_file.read(path)).write()
    path.write_text("# more\n" + path.read_text("utf-8"), "utf-8")
    assert bundler("release", "-f", path).code == 0


def test_counter_not_above_the_channel(tmp_path: Path, registry: RegistryServer) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    statement = {
        "schema": "airferry.channel/v1", "product": "shop", "epoch": 1, "sequence": 3,
        "newest_counter": 14, "newest_version": "1.3.0", "security_floor": 0,
        "issued_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    (path.parent / "channel.json").write_bytes(documents.encode(statement))
    with pytest.raises(InputError, match=r"counter is 14, but channel\.json has announced 14"):
        locking.make(spec_file.read(path))


def test_a_missing_image(tmp_path: Path, registry: RegistryServer) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    path.write_text(path.read_text("utf-8").replace("tools:1.4.0", "tools:9.9.9"), "utf-8")
    with pytest.raises(RegistryMissingError, match=r"shop/tools/manifests/9\.9\.9"):
        locking.make(spec_file.read(path))


@pytest.mark.program("skopeo")
def test_images_in_a_layout_and_in_a_docker_archive(
    tmp_path: Path, registry: RegistryServer
) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    source = f"docker://{registry.address}/shop"
    copies = {
        f"{source}/tools:1.4.0": f"oci:{path.parent / 'layout'}:tools",
        f"{source}/store:1.4.0": f"docker-archive:{path.parent / 'old.tar'}:acme/store:1.4.0",
    }
    for original, copy in copies.items():
        command = ["skopeo", "copy", "--src-tls-verify=false", original, copy]
        subprocess.run(command, check=True, capture_output=True)
    images = (
        'images: [{ref: "oci:./layout:tools", name: acme/tools:1}, {ref: "docker-archive:old.tar"}]'
    )
    text = path.read_text("utf-8").replace(
        f'images: ["{registry.address}/shop/tools:1.4.0"]', images
    )
    path.write_text(text, "utf-8")
    found = locking.make(spec_file.read(path)).lock
    names = {image.name: image for image in found.release.images}
    assert found.origins["docker.io/acme/tools"] == ("oci:./layout",)
    assert found.origins["docker.io/acme/store"] == ("docker-archive:old.tar",)
    original = names[f"{registry.address}/shop/tools:1.4.0"]
    assert names["docker.io/acme/tools:1"].digest == original.digest
    assert "docker.io/acme/store:1.4.0" in names


def test_a_chart_from_a_registry(
    tmp_path: Path, start_registry: Callable[..., RegistryServer]
) -> None:
    charts = start_registry()
    path = make_shop(tmp_path / "shop", charts.address)
    package = tmp_path / "store.tgz"
    package.write_bytes(chart_package(path.parent / "charts" / "store"))
    address = f"oci://{charts.address}/charts"
    pushed = subprocess.run(
        [program("helm"), "push", package, address, "--plain-http"], check=True, capture_output=True
    )
    text = path.read_text("utf-8").replace(
        "path: charts/store", f'ref: "{address}/store"\n    version: "{_version(path)}"'
    )
    path.write_text(text, "utf-8")
    read = spec_file.read(path)
    assert chart_name(read.spec.charts[0], read.folder) == "store"
    found = locking.make(read).lock
    [chart] = [chart for chart in found.release.charts if chart.name == "store"]
    assert chart.digest in (pushed.stdout + pushed.stderr).decode()
    assert found.origins["shop/charts/store"] == (f"{charts.address}/charts/store",)
    assert chart.content == digest(package.read_bytes())


def _version(path: Path) -> str:
    text = (path.parent / "charts" / "store" / "Chart.yaml").read_text("utf-8")
    return next(line.split()[1] for line in text.splitlines() if line.startswith("version:"))


def test_lock_tells_scripts_what_it_found(tmp_path: Path, registry: RegistryServer) -> None:
    path = make_shop(tmp_path / "shop", registry.address)
    ran = bundler("lock", "--output", "json", folder=path.parent)
    assert ran.code == 0, ran.stderr
    assert len(ran.answer["images"]) == 4
    assert json.loads((path.parent / "airferry.lock").read_bytes())["release"]["product"] == "shop"


def test_a_starter_locks_as_it_is(tmp_path: Path, registry: RegistryServer) -> None:
    folder = tmp_path / "plain"
    assert bundler("init", folder).code == 0
    assert bundler("lock", "-f", folder).code == 0
    assert bundler("release", folder=folder).code == 0
