"""init, inspect, verify, load, history and doctor against a real registry."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airferry_archive.media_types import OCI_INDEX
from airferry_archive.release import Image
from airferry_fixtures.customers import Customer, customer_of
from airferry_fixtures.registry_content import stored, tags
from airferry_fixtures.servers.certificates import Authority
from airferry_fixtures.servers.process import free_port
from airferry_fixtures.servers.registry import NEW, OLD, RegistryServer
from airferry_fixtures.simulator import (
    CONFIG,
    Content,
    Product,
    bundle_of,
    image_of,
    noise,
    product_of,
    small_product,
)
from airferry_fixtures.statements import Vendor
from airferry_foundation import documents
from airferry_foundation.digests import digest
from airferry_installer import delivery, local_registry
from airferry_registry.client import RegistryClient

pytestmark = pytest.mark.program("registry")

Start = Callable[..., RegistryServer]


@pytest.fixture(scope="module")
def vendor() -> Vendor:
    return Vendor()


def client_of(customer: Customer) -> RegistryClient:
    site = customer.state.site()
    return local_registry.connect(site.registry, customer.folder)


def log_in(folder: Path, address: str, user: str, password: str) -> None:
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {address: {"auth": auth}}}))


# --- load -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_load_and_load_again(tmp_path: Path, vendor: Vendor, start_registry: Start) -> None:
    registry = start_registry()
    customer = customer_of(tmp_path / "c", f"{registry.address}/airferry", vendor)
    shared = noise(5000, "shared")
    product = product_of(
        images=[
            image_of("docker.io/acme/web:1.0", layers=[shared, b"web"]),
            image_of("127.0.0.1:5000/acme/api:2", layers=[shared, b"api"]),
        ]
    )
    bundle = bundle_of(tmp_path / "shop.tar.zst", vendor, product)
    first = customer.run("load", bundle, "--output", "json")
    assert first.code == 0, first.stderr
    report = first.answer
    assert (report["present"], report["manifests"], report["mounted"]) == (0, 2, 1)
    assert report["images"]["127.0.0.1:5000/acme/api:2"].startswith(
        f"{registry.address}/airferry/127.0.0.1-5000/acme/api@sha256:"
    )
    client = client_of(customer)
    for image in product.release.images:
        local = local_registry.repositories(product.release, customer.state.site().registry)
        repository = local[image.name.rpartition(":")[0]]
        held = client.manifest(repository, delivery.own_tag(image.digest))
        assert held.digest == image.digest
        assert held.data == product.contents[image.digest]
    before = stored(registry)
    begun = time.monotonic()
    second = customer.run("load", bundle, "--output", "json").answer
    assert second["nothing_sent"] is True
    assert second["bytes_sent"] == 0
    assert stored(registry) == before
    assert time.monotonic() - begun < 20  # a desk does it in under one second
    assert customer.state.kept("release", report["release"]) == documents.encode(product.release)
    assert [e.event for e in customer.state.journal.entries()].count("loaded") == 2


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_no_tag_is_moved(tmp_path: Path, vendor: Vendor, start_registry: Start) -> None:
    registry = start_registry()
    customer = customer_of(tmp_path / "c", registry.address, vendor)
    old, new = image_of(layers=[b"old"]), image_of(layers=[b"new"])
    one = bundle_of(tmp_path / "1.tar.zst", vendor, product_of(images=[old]))
    two = bundle_of(tmp_path / "2.tar.zst", vendor, product_of(images=[new], counter=2))
    assert customer.run("load", one).code == 0
    client = client_of(customer)
    manifest = client.manifest("docker.io/acme/web", old.image.digest)
    client.put_manifest("docker.io/acme/web", "1.0", manifest.data, manifest.media_type)
    before = tags(registry)
    assert customer.run("load", two).code == 0
    after = tags(registry)
    assert before.items() <= after.items()
    assert after["docker.io/acme/web:1.0"] == old.image.digest
    assert len(after) == len(before) + 1


def test_a_tag_of_ours_that_somebody_made_otherwise(
    tmp_path: Path, vendor: Vendor, start_registry: Start
) -> None:
    registry = start_registry()
    customer = customer_of(tmp_path / "c", registry.address, vendor)
    old, new = image_of(layers=[b"old"]), image_of(layers=[b"new"])
    one = bundle_of(tmp_path / "1.tar.zst", vendor, product_of(images=[old]))
    two = bundle_of(tmp_path / "2.tar.zst", vendor, product_of(images=[new], counter=2))
    assert customer.run("load", one).code == 0
    client = client_of(customer)
    manifest = client.manifest("docker.io/acme/web", old.image.digest)
    tag = delivery.own_tag(new.image.digest)
    client.put_manifest("docker.io/acme/web", tag, manifest.data, manifest.media_type)
    done = customer.run("load", two)
    assert done.code == 34
    assert tag in done.stderr


def multi_platform(*, filtered: bool) -> Product:
    """An image of two platforms behind an index; `filtered` carries one and the index as paper."""
    name = "docker.io/acme/many:1"
    amd, arm = image_of(name, layers=[b"amd"]), image_of(name, layers=[b"arm"])
    manifests = [
        {**image.contents[0].descriptor, "platform": {"os": "linux", "architecture": architecture}}
        for image, architecture in ((amd, "amd64"), (arm, "arm64"))
    ]
    index = Content(
        documents.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}),
        OCI_INDEX,
        "docker.io/acme/many",
    )
    platforms = {"linux/amd64": amd.image.digest, "linux/arm64": arm.image.digest}
    carried = [*amd.contents, index] if filtered else [*amd.contents, *arm.contents, index]
    image = Image(
        name=name,
        digest=amd.image.digest if filtered else index.digest,
        index=index.digest if filtered else None,
        platforms={"linux/amd64": amd.image.digest} if filtered else platforms,
    )
    return product_of(blobs=carried).changed(images=(image,))


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_an_index_goes_after_its_children(
    tmp_path: Path, vendor: Vendor, start_registry: Start
) -> None:
    registry = start_registry()
    customer = customer_of(tmp_path / "c", registry.address, vendor)
    product = multi_platform(filtered=False)
    done = customer.run("load", bundle_of(tmp_path / "b.tar.zst", vendor, product))
    assert done.code == 0, done.stderr
    (image,) = product.release.images
    assert tags(registry) == {f"docker.io/acme/many:{delivery.own_tag(image.digest)}": image.digest}


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_an_index_that_travels_as_evidence_is_not_pushed(
    tmp_path: Path, vendor: Vendor, start_registry: Start
) -> None:
    registry = start_registry()
    customer = customer_of(tmp_path / "c", registry.address, vendor)
    product = multi_platform(filtered=True)
    done = customer.run("load", bundle_of(tmp_path / "b.tar.zst", vendor, product))
    assert done.code == 0, done.stderr
    (image,) = product.release.images
    assert list(tags(registry).values()) == [image.digest]
    assert client_of(customer).has_manifest("docker.io/acme/many", image.index or "") is None


def test_private_authority_and_login(tmp_path: Path, vendor: Vendor, start_registry: Start) -> None:
    authority = Authority(tmp_path / "ca")
    keys = authority.server()
    registry = start_registry(tls=keys, htpasswd=("anna", "right horse"))
    options = f'ca: "{keys.authority}"'
    customer = customer_of(tmp_path / "c", registry.address, vendor, registry=options)
    bundle = bundle_of(tmp_path / "b.tar.zst", vendor)
    none = customer.run("load", bundle)
    assert none.code == 32
    assert "401" in none.stderr
    log_in(customer.folder, registry.address, "anna", "wrong horse")
    wrong = customer.run("load", bundle)
    assert wrong.code == 32
    assert "wrong user name or password for anna" in wrong.stderr
    assert "wrong horse" not in wrong.stderr
    log_in(customer.folder, registry.address, "anna", "right horse")
    assert customer.run("load", bundle).code == 0
    journal = (customer.folder / "state" / "state.db").read_bytes()
    assert b"right horse" not in journal
    customer.site.write_text(customer.site.read_text().replace(options, "auth: docker-config"))
    unknown = customer.run("doctor")
    assert unknown.code == 1
    assert "x509" in unknown.stdout


# --- errors ---------------------------------------------------------------------------------------


def test_a_registry_that_is_not_there(tmp_path: Path, vendor: Vendor) -> None:
    customer = customer_of(tmp_path / "c", f"127.0.0.1:{free_port()}", vendor)
    done = customer.run("load", bundle_of(tmp_path / "b.tar.zst", vendor))
    assert done.code == 31
    assert "connection refused" in done.stderr
    assert "next: Start the registry" in done.stderr


def test_a_site_file_with_mistakes(tmp_path: Path, vendor: Vendor) -> None:
    customer = customer_of(tmp_path / "c", "127.0.0.1:5000", vendor)
    customer.site.write_text(customer.site.read_text() + "registrry: {}\nplatforms: [1]\n")
    done = customer.run("load", bundle_of(tmp_path / "b.tar.zst", vendor))
    assert done.code == 11
    assert "unknown key 'registrry'; did you mean 'registry'?" in done.stderr
    assert "2 mistakes" in done.stderr


def test_before_init(tmp_path: Path, vendor: Vendor) -> None:
    customer = customer_of(tmp_path / "c", "127.0.0.1:5000")
    bundle = bundle_of(tmp_path / "b.tar.zst", vendor)
    for words in (["inspect", bundle], ["history"], ["doctor"]):
        done = customer.run(*words)
        assert done.code == 65
        assert "init" in done.stderr


def test_a_file_that_is_not_there(tmp_path: Path, vendor: Vendor) -> None:
    customer = customer_of(tmp_path / "c", "127.0.0.1:5000", vendor)
    done = customer.run("verify", tmp_path / "none.tar.zst")
    assert done.code == 13
    assert "none.tar.zst does not exist" in done.stderr


def test_two_processes_at_once(tmp_path: Path, vendor: Vendor) -> None:
    customer = customer_of(tmp_path / "c", "127.0.0.1:5000", vendor)
    bundle = bundle_of(tmp_path / "b.tar.zst", vendor)
    with customer.state.exclusive():
        busy = customer.run("verify", bundle)
        assert customer.run("inspect", bundle).code == 0, "reading is always possible"
    assert busy.code == 64
    assert "another airferry process" in busy.stderr
    assert customer.run("verify", bundle).code == 0


def test_two_images_that_would_share_a_repository(tmp_path: Path, vendor: Vendor) -> None:
    customer = customer_of(
        tmp_path / "c", "127.0.0.1:5000", vendor, registry="plain_http: true, flatten: true"
    )
    images = [image_of("docker.io/a/b-c:1", layers=[b"1"]), image_of("docker.io/a-b/c:1")]
    bundle = bundle_of(tmp_path / "b.tar.zst", vendor, product_of(images=images))
    done = customer.run("doctor", bundle)
    assert "would both become docker.io-a-b-c" in done.stdout


# --- init, history, doctor ------------------------------------------------------------------------


def test_init_prints_what_to_tell_the_vendor(tmp_path: Path, vendor: Vendor) -> None:
    customer = customer_of(tmp_path / "c", "127.0.0.1:5000")
    done = customer.init(vendor, "--output", "json")
    assert done.code == 0, done.stderr
    assert done.answer["enrolment_fingerprint"] == customer.state.keys.public().key_id
    assert Path(done.answer["enrolment"]).is_file()
    assert done.answer["root_fingerprint"] == digest(vendor.roots[1].document)
    assert customer.init(vendor, "--output", "json").answer["again"] is True


def test_init_without_a_site_or_a_terminal(tmp_path: Path, vendor: Vendor) -> None:
    customer = customer_of(tmp_path / "c", "127.0.0.1:5000")
    root = tmp_path / "root.json"
    root.write_bytes(vendor.roots[1].document)
    done = customer.run("init", "--vendor-root", root, "--fingerprint", digest(root.read_bytes()))
    assert done.code == 2
    assert "--site" in done.stderr


@pytest.mark.parametrize("fingerprint", ["", "sha256:abc", "SHA512:" + "0" * 64])
def test_a_fingerprint_that_is_none(tmp_path: Path, vendor: Vendor, fingerprint: str) -> None:
    customer = customer_of(tmp_path / "c", "127.0.0.1:5000")
    root = tmp_path / "root.json"
    root.write_bytes(vendor.roots[1].document)
    done = customer.run(
        "init", "--site", customer.site, "--vendor-root", root, "--fingerprint", fingerprint
    )
    assert done.code == 10
    assert "not a fingerprint" in done.stderr


def test_doctor_without_a_cluster(tmp_path: Path, vendor: Vendor, start_registry: Start) -> None:
    registry = start_registry()
    customer = customer_of(tmp_path / "c", registry.address, vendor)
    customer.site.write_text(customer.site.read_text().replace("{staging: {}}", "{}"))
    before = stored(registry)
    done = customer.run("doctor", bundle_of(tmp_path / "b.tar.zst", vendor), "--output", "json")
    checks = {one["check"]: one["outcome"] for one in done.answer["checks"]}
    assert checks[f"registry {registry.address}"] == "ok"
    assert checks["state"] == checks["clock"] == checks["names"] == "ok"
    assert done.code == (1 if done.answer["failed"] else 0)
    assert stored(registry) == before


def test_doctor_tells_a_refused_connection_from_a_name(tmp_path: Path, vendor: Vendor) -> None:
    customer = customer_of(tmp_path / "c", f"127.0.0.1:{free_port()}", vendor)
    assert "connection refused" in customer.run("doctor").stdout
    customer.site.write_text(customer.site.read_text().replace("127.0.0.1:", "nowhere.invalid:"))
    assert "DNS" in customer.run("doctor").stdout


def test_history(tmp_path: Path, vendor: Vendor) -> None:
    customer = customer_of(tmp_path / "c", "127.0.0.1:5000", vendor)
    customer.run("verify", bundle_of(tmp_path / "b.tar.zst", vendor))
    answer = customer.run("history", "--verify", "--output", "json").answer
    events = [entry["event"] for entry in answer["entries"]]
    assert events[-3:] == ["trust remembered", "admitted", "verified"]
    assert "initialised" in events
    assert answer["verified"] is True
    newest = customer.run("history", "--last", "1", "--output", "json").answer
    assert [entry["event"] for entry in newest["entries"]] == ["verified"]


def test_inspect_reads_the_header_alone(tmp_path: Path, vendor: Vendor) -> None:
    customer = customer_of(tmp_path / "c", "127.0.0.1:5000", vendor)
    images = [image_of(layers=[noise(24_000_000)])]
    bundle = bundle_of(tmp_path / "b.tar.zst", vendor, product_of(images=images))
    program = (
        "import sys; from pathlib import Path\n"
        "from airferry_installer import opening; from airferry_installer.state import StateFolder\n"
        "state = StateFolder.open(Path(sys.argv[1]))\n"
        "def read():\n"
        "    lines = Path('/proc/self/io').read_text().splitlines()\n"
        "    return int(lines[0].split()[1])\n"
        "before = read()\n"
        "with opening.open_admitted(state, Path(sys.argv[2]), save=False): pass\n"
        "print(read() - before)\n"
    )
    import subprocess
    import sys

    words = [sys.executable, "-c", program, str(customer.folder / "state"), str(bundle)]
    done = subprocess.run(
        words, capture_output=True, text=True, check=True, env=customer.variables()
    )
    assert int(done.stdout) < 8_000_000 + 4_000_000, "the header, and modules that were imported"


def test_configs_and_files_are_loaded_too(
    tmp_path: Path, vendor: Vendor, start_registry: Start
) -> None:
    registry = start_registry()
    customer = customer_of(tmp_path / "c", registry.address, vendor)
    product = small_product()
    assert customer.run("load", bundle_of(tmp_path / "b.tar.zst", vendor, product)).code == 0
    client = client_of(customer)
    for blob in product.release.blobs:
        for repository in blob.repositories:
            if "manifest" not in blob.media_type:
                assert client.blob_size(repository, blob.digest) == blob.size
    assert any(blob.media_type == CONFIG for blob in product.release.blobs)
