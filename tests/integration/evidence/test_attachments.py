"""What travels beside the content, read at the customer's before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_fixtures import images
from airferry_fixtures.cosigning import Cosigner
from airferry_fixtures.customers import Customer
from airferry_fixtures.product_folder import ProductFolder, product_folder
from airferry_fixtures.registry_content import stored
from airferry_fixtures.servers.registry import RegistryServer
from airferry_foundation.digests import digest
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("registry", "cosign")
Start = Callable[..., RegistryServer]


@pytest.fixture
def scene(tmp_path: Path, start_registry: Start) -> tuple[ProductFolder, Customer, RegistryServer]:
    registry, theirs = start_registry(), start_registry()
    client = RegistryClient(RegistrySettings(registry.address, plain_http=True))
    found = images.push_image(client, "acme/web", "1", images.tiny())
    Cosigner.new(tmp_path / "keys").sign(f"{registry.address}/acme/web@{found}")
    folder = tmp_path / "product"
    made = product_folder(
        folder,
        [f'"{registry.address}/acme/web:1"'],
        registries={registry.address: "plain_http: true"},
        files={"docs/upgrade.md": "Read me.\n", "docs/more.md": "And me.\n"},
    )
    spec = folder / "airferry.yaml"
    spec.write_text(spec.read_text() + "evidence: {provenance: true}\n")
    made.release()
    made.build()
    return made, made.customer(tmp_path / "customer", theirs.address), theirs


def test_they_are_listed_and_exported_and_nothing_is_touched(
    scene: tuple[ProductFolder, Customer, RegistryServer],
) -> None:
    made, customer, theirs = scene
    before = customer.remembered(), stored(theirs)
    listed = customer.run("attachments", "list", made.bundle, "--output", "json")
    assert listed.code == 0, listed.stderr
    by_path = {one["path"]: one for one in listed.answer["attachments"]}
    assert {"docs/upgrade.md", "docs/more.md", "provenance/release.intoto.json"} <= set(by_path)
    [upstream] = [one for one in by_path.values() if one["upstream"]]
    assert upstream["about"].endswith("acme/web:1")

    done = customer.run("attachments", "export", made.bundle, "-o", "out", "--output", "json")
    assert done.code == 0, done.stderr
    out = customer.folder / "out"
    assert (out / "docs/upgrade.md").read_text() == "Read me.\n"
    for path, one in by_path.items():
        file = out / path / "manifest.json" if one["upstream"] else out / path
        assert digest(file.read_bytes()) == one["digest"]
    statement = json.loads((out / "provenance/release.intoto.json").read_text())
    assert statement["predicate"]["buildDefinition"]["externalParameters"]["version"] == "1.4.0"
    parts = list((out / upstream["path"]).iterdir())
    assert len(parts) == 2  # the manifest, and the Sigstore bundle
    assert (customer.remembered(), stored(theirs)) == before


def test_some_of_them(scene: tuple[ProductFolder, Customer, RegistryServer]) -> None:
    made, customer, _ = scene
    words = ("attachments", "export", made.bundle, "-o", "out", "--output", "json")
    done = customer.run(*words, "--kind", "docs", "--path", "docs/m*")
    assert done.answer["written"] == ["out/docs/more.md"]
    again = customer.run(*words, "--kind", "docs")
    assert again.code == 10
    assert "exists already" in again.stderr
    assert not (customer.folder / "out/docs/upgrade.md").exists()
    none = customer.run(*words, "--kind", "scan")
    assert none.code == 10
    assert "docs" in none.stderr


def test_of_a_bundle_that_is_refused_nothing_is_told(
    scene: tuple[ProductFolder, Customer, RegistryServer],
) -> None:
    made, customer, _ = scene
    customer.site.write_text(customer.site.read_text().replace("[shop]", "[depot]"))
    done = customer.run("attachments", "export", made.bundle, "-o", "out")
    assert 20 <= done.code < 30
    assert not (customer.folder / "out").exists()
