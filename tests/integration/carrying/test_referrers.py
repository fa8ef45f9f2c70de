"""Signatures and attestations by the real cosign travel with their image, in every form."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from airferry_archive.reader import BundleReader
from airferry_archive.release import Release
from airferry_bundler import locking
from airferry_fixtures import images
from airferry_fixtures.cosigning import Cosigner
from airferry_fixtures.product_folder import ProductFolder, product_folder
from airferry_fixtures.registry_content import tags
from airferry_fixtures.servers.faulty import FaultyServer, Script
from airferry_fixtures.servers.front import Referrers
from airferry_fixtures.servers.registry import NEW, OLD, RegistryServer
from airferry_registry import referrers
from airferry_registry.client import RegistryClient
from airferry_registry.manifests import OCI_MANIFEST
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("cosign", "registry")

Start = Callable[..., RegistryServer]
Front = Callable[[Script], FaultyServer]


@pytest.fixture(scope="module")
def cosigner(tmp_path_factory: pytest.TempPathFactory) -> Cosigner:
    return Cosigner.new(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def front() -> Iterator[Front]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(FaultyServer(script))


def client_of(address: str) -> RegistryClient:
    return RegistryClient(RegistrySettings(address, plain_http=True))


def push(address: str, repository: str, one: images.AnyImage) -> str:
    images.push_image(client_of(address), repository, "1", one)
    return f"{address}/{repository}@{one.digest}"


def product(
    folder: Path, address: str, *names: str, platforms: str = "linux/amd64"
) -> ProductFolder:
    refs = [f'"{address}/{name}:1"' for name in names]
    made = product_folder(
        folder, refs, registries={address: "plain_http: true"}, platforms=platforms
    )
    made.release()
    made.build()
    return made


def release_of(made: ProductFolder) -> Release:
    with BundleReader.open(made.bundle) as reader:
        return reader.release()


def here(made: ProductFolder, address: str, image: str) -> str:
    """An image as it is called at the customer's."""
    return f"{address}/{image.replace(':', '-', 1)}"


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
@pytest.mark.parametrize("old", [False, True])
def test_a_signed_image_verifies_at_the_customers(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner, old: bool
) -> None:
    """No registry here has the referrers API: distribution 3 has none."""
    ours, theirs = start_registry(), start_registry()
    image = push(ours.address, "shop/web", images.tiny())
    cosigner.sign(image, old=old)
    cosigner.attest(image, old=old)
    made = product(tmp_path / "v", ours.address, "shop/web")
    customer = made.customer(tmp_path / "c", theirs.address)
    there = here(made, theirs.address, image)
    assert not cosigner.verifies(there, old=old)
    loaded = customer.run("load", made.bundle, "--output", "json")
    assert loaded.code == 0, loaded.stderr
    assert loaded.answer["referrers"]["new"] == 2
    assert cosigner.verifies(there, old=old)
    assert cosigner.verifies(there, old=old, what="verify-attestation")
    before = tags(theirs)
    again = customer.run("load", made.bundle, "--output", "json").answer
    assert again["nothing_sent"] is True
    assert tags(theirs) == before


@pytest.mark.parametrize("vendor_has_api", [False, True])
@pytest.mark.parametrize("customer_has_api", [False, True])
def test_between_registries_with_and_without_the_api(
    tmp_path: Path,
    start_registry: Start,
    front: Front,
    cosigner: Cosigner,
    vendor_has_api: bool,
    customer_has_api: bool,
) -> None:
    ours, theirs = start_registry(), start_registry()
    our_address = front(Referrers(ours)).address if vendor_has_api else ours.address
    their_address = front(Referrers(theirs)).address if customer_has_api else theirs.address
    image = push(our_address, "shop/web", images.tiny())
    cosigner.sign(image)
    assert any("sha256-" in tag for tag in tags(ours)) is not vendor_has_api
    made = product(tmp_path / "v", our_address, "shop/web")
    customer = made.customer(tmp_path / "c", their_address)
    loaded = customer.run("load", made.bundle)
    assert loaded.code == 0, loaded.stderr
    assert cosigner.verifies(here(made, their_address, image))
    assert any("sha256-" in tag for tag in tags(theirs)) is not customer_has_api
    assert customer.run("load", made.bundle, "--output", "json").answer["nothing_sent"] is True


def test_what_the_release_says_about_them(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    ours = start_registry()
    image = push(ours.address, "shop/web", images.tiny())
    push(ours.address, "shop/plain", images.tiny(b"plain"))
    for old in (False, True):
        cosigner.sign(image, old=old)
    cosigner.attest(image)
    release = release_of(product(tmp_path / "v", ours.address, "shop/web", "shop/plain"))
    subject = image.rpartition("@")[2]
    assert {one.subject for one in release.referrers} == {subject}
    assert sorted(one.tag or one.kind for one in release.referrers) == [
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        referrers.tag_of(subject, ".sig"),
    ]
    blobs = {blob.digest: blob for blob in release.blobs}
    for one in release.referrers:
        assert blobs[one.digest].repositories == (f"{ours.address}/shop/web",)


def test_a_release_without_them_says_nothing(tmp_path: Path, start_registry: Start) -> None:
    ours = start_registry()
    push(ours.address, "shop/web", images.tiny())
    made = product(tmp_path / "v", ours.address, "shop/web")
    assert b"referrers" not in (made.folder / "release.json").read_bytes()


def test_a_signature_of_the_index_and_of_a_platform(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    """Also of an index that is carried as evidence only."""
    ours, theirs = start_registry(), start_registry()
    both = images.MultiImage(
        tuple(images.tiny(platform=platform) for platform in ("linux/amd64", "linux/arm64"))
    )
    index = push(ours.address, "shop/web", both)
    amd = f"{ours.address}/shop/web@{both.images[0].digest}"
    arm = f"{ours.address}/shop/web@{both.images[1].digest}"
    for image in (index, amd, arm):
        cosigner.sign(image)
    made = product(tmp_path / "v", ours.address, "shop/web")
    subjects = {one.subject for one in release_of(made).referrers}
    assert subjects == {both.digest, both.images[0].digest}
    customer = made.customer(tmp_path / "c", theirs.address)
    assert customer.run("load", made.bundle).code == 0
    assert cosigner.verifies(here(made, theirs.address, amd))


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_a_signature_that_the_customer_made_stays(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    """Theirs is under the `.sig` tag already, and in the list of referrers: both are kept."""
    ours, theirs = start_registry(), start_registry()
    one = images.tiny()
    image = push(ours.address, "shop/web", one)
    made = product(tmp_path / "v", ours.address, "shop/web")
    customer = made.customer(tmp_path / "c", theirs.address)
    assert customer.run("load", made.bundle).code == 0
    local = here(made, theirs.address, image)
    own = Cosigner.new(tmp_path / "own")
    for old in (False, True):
        own.sign(local, old=old)
        cosigner.sign(image, old=old)
    newer = product(tmp_path / "v2", ours.address, "shop/web")
    other = newer.customer(tmp_path / "c2", theirs.address)
    loaded = other.run("load", newer.bundle, "--output", "json")
    assert loaded.code == 0, loaded.stderr
    [kept] = loaded.answer["referrers"]["kept"]
    assert kept["tag"].endswith(f":{referrers.tag_of(one.digest, '.sig')}")
    assert kept["stands_for"] != kept["other"]
    assert own.verifies(local)
    assert own.verifies(local, old=True)
    assert cosigner.verifies(local)


def test_signatures_of_one_image_from_two_places(
    tmp_path: Path, start_registry: Start, cosigner: Cosigner
) -> None:
    """Older signatures share a tag: one of them gets it, and everybody is told which."""
    ours, mirror, theirs = start_registry(), start_registry(), start_registry()
    other = Cosigner.new(tmp_path / "other")
    for server, signer in ((ours, cosigner), (mirror, other)):
        image = push(server.address, "shop/web", images.tiny())
        signer.sign(image, old=True)
    refs = [
        f'{{ref: "{server.address}/shop/web:1", name: "docker.io/acme/web:{tag}"}}'
        for server, tag in ((ours, "1"), (mirror, "2"))
    ]
    reached = {server.address: "plain_http: true" for server in (ours, mirror)}
    made = product_folder(tmp_path / "v", refs, registries=reached)
    [note] = [one for one in locking.make(made.spec_file).notes if ".sig" in one]
    made.release()
    made.build()
    digests = sorted(one.digest for one in release_of(made).referrers)
    assert len(digests) == 2
    assert f"the first one ({digests[0]})" in note
    customer = made.customer(tmp_path / "c", theirs.address)
    loaded = customer.run("load", made.bundle)
    assert loaded.code == 0, loaded.stderr
    assert f"stands for {digests[0]}; the release's {digests[1]} is there" in loaded.stdout
    there = f"{theirs.address}/docker.io/acme/web@{image.partition('@')[2]}"
    assert [one.verifies(there, old=True) for one in (cosigner, other)].count(True) == 1


def test_a_tag_that_is_no_list(tmp_path: Path, start_registry: Start, cosigner: Cosigner) -> None:
    ours, theirs = start_registry(), start_registry()
    one = images.tiny()
    image = push(ours.address, "shop/web", one)
    cosigner.sign(image)
    made = product(tmp_path / "v", ours.address, "shop/web")
    repository = here(made, "", image)[1:].partition("@")[0]
    client = client_of(theirs.address)
    images.push_image(client, repository, referrers.tag_of(one.digest), images.tiny(b"other"))
    done = made.customer(tmp_path / "c", theirs.address).run("load", made.bundle)
    assert done.code == 34
    assert "is no list of referrers" in done.stderr


def test_a_registry_that_lists_what_is_about_something_else(
    start_registry: Start, front: Front
) -> None:
    """Then it is not about our image, whatever the list says."""
    registry = start_registry()
    edge = Referrers(registry)
    server = front(edge)
    client = client_of(server.address)
    one, other = images.tiny(), images.tiny(b"other")
    push(server.address, "a", one)
    push(server.address, "a", other)
    entry = {"mediaType": OCI_MANIFEST, "digest": other.digest, "size": len(other.manifest.data)}
    edge.listed["a", one.digest] = [entry]
    assert [d.digest for d in client.referrers("a", one.digest) or ()] == [other.digest]
    store = _Store(client)
    assert referrers.find(store, [one.digest], name="a") == ()


class _Store:
    def __init__(self, client: RegistryClient) -> None:
        self.client = client

    def referrers(self, subject: str) -> tuple[referrers.StoredManifest, ...]:
        return referrers.in_repository(self.client, "a", subject)

    def tagged(self, tag: str) -> referrers.StoredManifest | None:
        return referrers.present(self.client, "a", tag)


def test_out_of_an_oci_layout(tmp_path: Path, cosigner: Cosigner, start_registry: Start) -> None:
    """Of a bundle that was opened with tar, which is such a layout."""
    ours, theirs = start_registry(), start_registry()
    image = push(ours.address, "shop/web", images.tiny())
    for old in (False, True):
        cosigner.sign(image, old=old)
    first = product(tmp_path / "v", ours.address, "shop/web")
    layout = tmp_path / "second" / "layout"
    _unpack(first.bundle, layout)
    name = json.loads((layout / "release.json").read_bytes())["images"][0]["name"]
    index = json.loads((layout / "index.json").read_bytes())
    [named] = [m for m in index["manifests"] if m.get("annotations", {}).get(_REF) == name]
    named["annotations"][_REF] = "web"
    (layout / "index.json").write_text(json.dumps(index))
    ref = f'{{ref: "oci:layout:web", name: "{name}"}}'
    made = product_folder(tmp_path / "second", [ref])
    made.release()
    made.build()
    assert release_of(made).referrers == release_of(first).referrers
    customer = made.customer(tmp_path / "c", theirs.address)
    assert customer.run("load", made.bundle).code == 0
    for old in (False, True):
        assert cosigner.verifies(here(made, theirs.address, image), old=old)


_REF = "org.opencontainers.image.ref.name"


def _unpack(bundle: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    command = ["tar", "--zstd", "-xf", bundle, "-C", folder]
    subprocess.run(command, check=True)
