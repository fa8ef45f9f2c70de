"""SBOMs by the real syft and provenance: made at lock, carried, the same each time."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airferry_archive.reader import BundleReader
from airferry_bundler import locking
from airferry_bundler.evidence.blob_cache import BlobCache
from airferry_fixtures import images
from airferry_fixtures.product_folder import ProductFolder, product_folder
from airferry_fixtures.servers.programs import program
from airferry_fixtures.servers.registry import RegistryServer
from airferry_foundation.digests import digest
from airferry_foundation.errors import LockOutdatedError
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("syft", "registry", "cosign")
Start = Callable[..., RegistryServer]

STATUS = (
    b"Package: busybox\nStatus: install ok installed\nMaintainer: x <x@example.org>\n"
    b"Architecture: amd64\nVersion: 1:1.35.0-4\nDescription: tiny\n\n"
)
OS = b'ID=debian\nVERSION_ID="12"\n'


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own; programs are on PATH."""
    monkeypatch.setenv("AIRFERRY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    return tmp_path / "cache"


def debian(name: bytes) -> images.Image:
    layer = images.layer({"etc/os-release": OS, "var/lib/dpkg/status": STATUS})
    return images.image([layer, images.layer({"srv/name": name})], entrypoint=["/bin/sh"])


def product(
    folder: Path, address: str, asked: str = "sbom: true, provenance: true"
) -> ProductFolder:
    client = RegistryClient(RegistrySettings(address, plain_http=True))
    for name in ("web", "store"):
        images.push_image(client, f"acme/{name}", "1", debian(name.encode()))
    refs = [f'"{address}/acme/{name}:1"' for name in ("web", "store")]
    made = product_folder(folder, refs, registries={address: "plain_http: true"})
    spec = folder / "airferry.yaml"
    spec.write_text(spec.read_text() + f"evidence: {{{asked}}}\n")
    return made


def evidence(made: ProductFolder) -> dict[str, bytes]:
    root = made.folder / "evidence"
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def carried(bundle: Path) -> dict[str, tuple[str | None, bytes]]:
    """Title to what it is about, and its bytes, of all evidence in a bundle."""
    with BundleReader.open(bundle) as reader:
        release = reader.release()
        reader.bind(release)
        reader.verify()
        return {
            one.title: (one.about, reader.blob(one.digest, 1 << 20))
            for one in release.attachments
            if one.kind in {"sbom", "provenance"}
        }


def test_all_of_it_travels(tmp_path: Path, start_registry: Start) -> None:
    made = product(tmp_path / "product", start_registry().address)
    made.release()
    found = carried(made.build())
    assert len(found) == 2 * 2 + 2 + 1
    assert {title: data for title, (_, data) in found.items()} == evidence(made)

    about = {one for one, _ in found.values() if one}
    assert about == {debian(b"web").digest, debian(b"store").digest}
    image_sboms = [title for title, (one, _) in found.items() if one == debian(b"web").digest]
    for title in image_sboms:
        assert b"pkg:deb/debian/busybox@1:1.35.0-4" in found[title][1]
    _check_release_sboms(found)
    _check_provenance(json.loads(found["provenance/release.intoto.json"][1]))


def _check_release_sboms(found: dict[str, tuple[str | None, bytes]]) -> None:
    cyclonedx = json.loads(found["sbom/release.cdx.json"][1])
    digests = {c["hashes"][0]["content"] for c in cyclonedx["components"]}
    assert digests == {debian(n).digest[7:] for n in (b"web", b"store")}
    named = {
        reference["url"]: reference["hashes"][0]["content"]
        for component in cyclonedx["components"]
        for reference in component["externalReferences"]
    }
    assert named == {
        title: digest(data)[7:] for title, (about, data) in found.items() if about is not None
    }
    spdx = json.loads(found["sbom/release.spdx.json"][1])
    assert len(spdx["packages"]) == 3
    assert spdx["relationships"][0]["relationshipType"] == "DESCRIBES"


def _check_provenance(statement: dict[str, Any]) -> None:
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    subjects = {one["digest"]["sha256"] for one in statement["subject"]}
    assert {debian(n).digest[7:] for n in (b"web", b"store")} <= subjects
    inputs = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert any(one.get("uri", "").endswith(debian(b"web").digest) for one in inputs)


def test_other_programs_read_them(tmp_path: Path, start_registry: Start) -> None:
    """syft reads them all back, ours too, as CycloneDX and SPDX."""
    made = product(tmp_path / "product", start_registry().address, "sbom: true")
    made.release()
    read = sorted((made.folder / "evidence" / "sbom").rglob("*.json"))
    assert len(read) == 6
    for path in read:
        command = [program("syft"), "convert", path, "-o", "syft-json", "-q"]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        names = {one["name"] for one in json.loads(done.stdout)["artifacts"]}
        assert "busybox" in names or path.name.startswith("release")


def test_the_same_lock_each_time_with_or_without_the_cache(
    tmp_path: Path, start_registry: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = product(tmp_path / "product", start_registry().address)
    first = locking.make(made.spec_file)
    monkeypatch.setenv("AIRFERRY_CACHE", str(tmp_path / "another"))
    second = locking.make(made.spec_file)
    assert first.lock == second.lock
    assert first.evidence == second.evidence


def test_layers_that_lock_has_read_are_not_fetched_again(
    tmp_path: Path, start_registry: Start
) -> None:
    registry = start_registry()
    made = product(tmp_path / "product", registry.address, "sbom: true")
    made.release()
    layers = [layer.blob for layer in debian(b"web").layers]
    cache = BlobCache.of_user()
    assert all(cache.path(blob.digest).read_bytes() == blob.data for blob in layers)
    bundle = made.build()
    assert len(carried(bundle)) == 6


def test_a_damaged_cache_is_found_and_mended(tmp_path: Path, start_registry: Start) -> None:
    made = product(tmp_path / "product", start_registry().address, "sbom: true")
    made.release()
    blob = debian(b"web").layers[1].blob
    path = BlobCache.of_user().path(blob.digest)
    path.write_bytes(bytes(len(blob.data)))
    with pytest.raises(Exception, match=r"damaged|digest"):
        made.build()
    assert len(carried(made.build())) == 6


def test_evidence_that_is_gone_or_changed_is_not_built(
    tmp_path: Path, start_registry: Start
) -> None:
    made = product(tmp_path / "product", start_registry().address, "provenance: true")
    made.release()
    path = made.folder / "evidence" / "provenance" / "release.intoto.json"
    whole = path.read_bytes()
    path.write_bytes(whole + b" ")
    with pytest.raises(LockOutdatedError, match=r"release\.intoto\.json"):
        made.build()
    path.unlink()
    with pytest.raises(LockOutdatedError, match="not there"):
        made.build()
    made.release()
    assert path.read_bytes() == whole
    made.build()


def test_what_is_not_asked_for_any_more_goes(tmp_path: Path, start_registry: Start) -> None:
    made = product(tmp_path / "product", start_registry().address, "provenance: true")
    made.release()
    assert evidence(made)
    spec = made.folder / "airferry.yaml"
    spec.write_text(spec.read_text().replace("provenance: true", "provenance: false"))
    made.release()
    assert not evidence(made)
    assert not carried(made.build())
