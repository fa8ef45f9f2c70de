"""publish and fetch over a real registry: what is sent, what is refused, whose bytes arrive."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from airferry_archive import published
from airferry_fixtures import images
from airferry_fixtures.commands import Ran, bundler
from airferry_fixtures.cosigning import Cosigner
from airferry_fixtures.customers import Customer
from airferry_fixtures.product_folder import ProductFolder, product_folder
from airferry_fixtures.registry_content import stored, tags
from airferry_fixtures.servers.faulty import FaultyServer, Reply, Request, Script
from airferry_fixtures.servers.front import forward
from airferry_fixtures.servers.programs import program
from airferry_fixtures.servers.registry import NEW, OLD, RegistryServer
from airferry_foundation.digests import digest
from airferry_registry import push
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("registry")

Start = Callable[..., RegistryServer]
Front = Callable[[Script], FaultyServer]
FILES = {"docs/upgrade.md": "Read me first.\n", "docs/notes.txt": "notes\n" * 500}


@pytest.fixture
def front() -> Iterator[Front]:
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(FaultyServer(script))


def client_of(address: str) -> RegistryClient:
    return RegistryClient(RegistrySettings(address, plain_http=True))


def made(
    folder: Path, address: str, *, also: str = "", platforms: str = "linux/amd64"
) -> ProductFolder:
    """A product with two images that share a layer; `also` is one more registry of the spec."""
    client = client_of(address)
    for name in ("web", "api"):
        both = images.MultiImage(
            tuple(
                images.tiny(name.encode(), platform=one) for one in ("linux/amd64", "linux/arm64")
            )
        )
        images.push_image(client, f"shop/{name}", "1", both)
    reached = {one: "plain_http: true" for one in (address, also) if one}
    refs = [f'"{address}/shop/{name}:1"' for name in ("web", "api")]
    product = product_folder(folder, refs, registries=reached, files=FILES, platforms=platforms)
    product.release()
    return product


def publish(product: ProductFolder, target: str, *more: str | Path) -> Ran:
    ran = bundler("publish", target, *more, "-f", product.folder, "--output", "json")
    assert "Traceback" not in ran.stderr
    return ran


def fetcher(product: ProductFolder, folder: Path, push: str, *vendors: str) -> Customer:
    reached = "".join(f'  "{address}": {{plain_http: true}}\n' for address in vendors)
    return product.customer(folder, push, more=f"registries:\n{reached}")


# --- publish --------------------------------------------------------------------------------------


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
@pytest.mark.program("oras")
@pytest.mark.parametrize("platforms", ["linux/amd64", "linux/amd64, linux/arm64"])
def test_stock_oras_opens_what_is_published(
    tmp_path: Path, start_registry: Start, platforms: str
) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address, platforms=platforms)
    target = f"{registry.address}/out/shop"
    ran = publish(product, f"oci://{target}")
    assert ran.code == 0, ran.stderr
    assert ran.answer["reference"] == f"{target}:1.4.0"
    command = [program("oras"), "pull", "--plain-http", f"{target}:1.4.0", "-o", tmp_path / "o"]
    subprocess.run(command, check=True, capture_output=True)
    opened = tmp_path / "o"
    assert (opened / "release.json").read_bytes() == (product.folder / "release.json").read_bytes()
    assert (opened / "roots" / "1.json").is_file()
    assert (opened / "signatures" / "release.json.2.sigstore.json").is_file()
    assert (opened / "README.txt").read_text().startswith("shop 1.4.0\n")
    for name, text in FILES.items():
        assert (opened / "files" / name).read_text() == text
    command = [program("oras"), "manifest", "fetch", "--plain-http", f"{target}:1.4.0"]
    manifest = subprocess.run(command, check=True, capture_output=True).stdout
    assert json.loads(manifest)["artifactType"] == published.ARTIFACT_TYPE
    assert digest(manifest) == ran.answer["digest"]


@pytest.mark.program("skopeo")
def test_images_are_under_their_own_manifests(tmp_path: Path, start_registry: Start) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    assert publish(product, f"oci://{registry.address}/out/shop").code == 0
    release = json.loads((product.folder / "release.json").read_bytes())
    for image in release["images"]:
        source = f"docker://{registry.address}/out/shop@{image['digest']}"
        command = ["skopeo", "copy", "--src-tls-verify=false", source, f"dir:{tmp_path / 'd'}"]
        subprocess.run(command, check=True, capture_output=True)
        assert digest((tmp_path / "d" / "manifest.json").read_bytes()) == image["digest"]


def test_only_what_is_missing_is_sent_and_nothing_that_a_neighbour_has(
    tmp_path: Path, start_registry: Start
) -> None:
    here, there = start_registry(), start_registry()
    product = made(tmp_path / "v", here.address, also=there.address)
    near = publish(product, f"oci://{here.address}/out/shop").answer
    assert near["mounted"] > 0
    far = publish(product, f"oci://{there.address}/out/shop").answer
    assert far["mounted"] == 0
    assert far["bytes_sent"] > near["bytes_sent"]
    before = stored(there)
    again = publish(product, f"oci://{there.address}/out/shop").answer
    assert (again["sent"], again["manifests"], again["bytes_sent"]) == (0, 0, 0)
    assert again["digest"] == far["digest"] == near["digest"]
    assert stored(there) == before


def test_a_bundle_and_its_spec_publish_the_same(tmp_path: Path, start_registry: Start) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    bundle = product.build()
    one = publish(product, f"oci://{registry.address}/out/a")
    two = publish(product, f"oci://{registry.address}/out/b:stable", bundle)
    assert (one.code, two.code) == (0, 0), two.stderr
    assert one.answer["digest"] == two.answer["digest"]
    assert two.answer["reference"].endswith("/out/b:stable")


def test_a_published_release_is_never_replaced(tmp_path: Path, start_registry: Start) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    target = f"oci://{registry.address}/out/shop"
    assert publish(product, target).code == 0
    before = tags(registry)
    other = made(tmp_path / "w", registry.address, platforms="linux/amd64, linux/arm64")
    ran = publish(other, target)
    assert ran.code == 10
    assert "stands for another release" in ran.stderr
    assert tags(registry).items() >= before.items()
    images.push_image(client_of(registry.address), "out/shop", "mine", images.tiny())
    assert "something that is no release" in publish(product, f"{target}:mine").stderr


def test_a_release_that_nobody_would_take_is_not_published(
    tmp_path: Path, start_registry: Start
) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    (product.folder / "release.json.2.sigstore.json").unlink()
    before = stored(registry)
    ran = publish(product, f"oci://{registry.address}/out/shop")
    assert ran.code == 23
    assert stored(registry) == before


@pytest.mark.parametrize("text", ["registry.example/shop", "oci://", "oci://host", "oci://h/UP"])
def test_an_address_that_is_none(tmp_path: Path, text: str) -> None:
    ran = bundler("publish", text, folder=tmp_path)
    assert ran.code == 17, ran.stderr


# --- fetch ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
@pytest.mark.parametrize("platforms", ["linux/amd64", "linux/amd64, linux/arm64"])
def test_a_fetched_file_is_the_vendors_bundle(
    tmp_path: Path, start_registry: Start, platforms: str
) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address, platforms=platforms)
    assert publish(product, f"oci://{registry.address}/out/shop").code == 0
    customer = fetcher(product, tmp_path / "c", registry.address, registry.address)
    ran = customer.run("fetch", f"oci://{registry.address}/out/shop:1.4.0", "-o", customer.folder)
    assert ran.code == 0, ran.stderr
    assert "no channel statement is known here" in ran.stdout
    got = customer.folder / "shop-1.4.0.tar.zst"
    assert got.read_bytes() == product.build().read_bytes()
    assert customer.run("verify", got).code == 0
    assert [e.event for e in customer.state.journal.entries()].count("fetched") == 1


def test_the_newest_version_and_a_digest(tmp_path: Path, start_registry: Start) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    target = f"oci://{registry.address}/out/shop"
    done = publish(product, target).answer
    client = client_of(registry.address)
    images.push_image(client, "out/shop", "1.3.9", images.tiny())
    images.push_image(client, "out/shop", "zzz", images.tiny())
    customer = fetcher(product, tmp_path / "c", registry.address, registry.address)
    one, two = tmp_path / "1.tar.zst", tmp_path / "2.tar.zst"
    assert customer.run("fetch", target, "-o", one).code == 0
    assert customer.run("fetch", f"{target}@{done['digest']}", "-o", two).code == 0
    assert one.read_bytes() == two.read_bytes()
    taken = customer.run("fetch", target, "-o", one)
    assert taken.code == 10
    assert "exists already" in taken.stderr


@pytest.mark.parametrize("edition", [NEW, OLD], indirect=True)
def test_from_registry_to_registry(tmp_path: Path, start_registry: Start) -> None:
    ours, theirs = start_registry(), start_registry()
    product = made(tmp_path / "v", ours.address)
    assert publish(product, f"oci://{ours.address}/out/shop").code == 0
    customer = fetcher(product, tmp_path / "c", theirs.address, ours.address)
    words = ("fetch", f"oci://{ours.address}/out/shop", "--into-registry", "--output", "json")
    first = customer.run(*words)
    assert first.code == 0, first.stderr
    assert first.answer["sent"] > 0
    assert first.answer["channel"] is None
    before = stored(theirs)
    loaded = customer.run("load", product.build(), "--output", "json").answer
    assert loaded["nothing_sent"] is True
    second = customer.run(*words).answer
    assert second["nothing_sent"] is True
    assert stored(theirs) == before


@pytest.mark.program("cosign")
def test_signatures_travel_over_a_published_release(tmp_path: Path, start_registry: Start) -> None:
    ours, between, theirs = start_registry(), start_registry(), start_registry()
    cosigner = Cosigner.new(tmp_path / "keys")
    one = images.tiny()
    images.push_image(client_of(ours.address), "shop/web", "1", one)
    for old in (False, True):
        cosigner.sign(f"{ours.address}/shop/web@{one.digest}", old=old)
    reached = dict.fromkeys((ours.address, between.address), "plain_http: true")
    product = product_folder(tmp_path / "v", [f"{ours.address}/shop/web:1"], registries=reached)
    product.release()
    assert publish(product, f"oci://{between.address}/out/shop").code == 0
    customer = fetcher(product, tmp_path / "c", theirs.address, between.address)
    ran = customer.run("fetch", f"oci://{between.address}/out/shop", "--into-registry")
    assert ran.code == 0, ran.stderr
    local = f"{theirs.address}/{ours.address.replace(':', '-')}/shop/web@{one.digest}"
    for image in (local, f"{between.address}/out/shop@{one.digest}"):
        assert cosigner.verifies(image)
        assert cosigner.verifies(image, old=True)


def test_a_fetch_that_is_cut_goes_on(tmp_path: Path, start_registry: Start, front: Front) -> None:
    """The registry goes away in the middle; the same command asks for the rest alone."""
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    assert publish(product, f"oci://{registry.address}/out/shop").code == 0
    answered: list[str] = []
    broken = [True]

    def script(request: Request) -> Reply:
        is_blob = "/blobs/" in request.path and request.method == "GET"
        reply = forward(registry)(request)
        if is_blob and len(answered) > 12 and broken[0]:
            return Reply(reply.status, reply.headers, reply.body, cut_after=0)
        if is_blob:
            answered.append(request.path)
        return reply

    server = front(script)
    customer = fetcher(product, tmp_path / "c", registry.address, server.address)
    words = ("fetch", f"oci://{server.address}/out/shop:1.4.0", "-o", tmp_path / "got.tar.zst")
    ran = customer.run(*words, "--workers", "1")
    assert ran.code == 31, ran.stderr
    assert not (tmp_path / "got.tar.zst").exists()
    broken[0] = False
    before = set(answered[9:])
    del answered[:]
    ran = customer.run(*words, "--output", "json")
    assert ran.code == 0, ran.stderr
    assert not before & set(answered[9:])
    assert (tmp_path / "got.tar.zst").read_bytes() == product.build().read_bytes()


# --- the same gate --------------------------------------------------------------------------------


def test_a_stranger_is_refused_before_any_blob(tmp_path: Path, start_registry: Start) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    assert publish(product, f"oci://{registry.address}/out/shop").code == 0
    other = product_folder(tmp_path / "other", [f"{registry.address}/shop/api:1"])
    customer = fetcher(other, tmp_path / "c", registry.address, registry.address)
    for way in (("-o", str(tmp_path / "got.tar.zst")), ("--into-registry",)):
        before = stored(registry)
        ran = customer.run("fetch", f"oci://{registry.address}/out/shop", *way)
        assert 20 <= ran.code < 30, ran.stderr
        assert stored(registry) == before
    assert not list(tmp_path.glob("got*"))
    assert [e.event for e in customer.state.journal.entries()].count("refused") == 2


def test_a_release_that_was_changed_in_the_registry(
    tmp_path: Path, start_registry: Start, front: Front
) -> None:
    """Whoever runs the registry writes an artifact of his own around another release.json."""
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    assert publish(product, f"oci://{registry.address}/out/shop").code == 0
    client = client_of(registry.address)
    manifest = json.loads(client.manifest("out/shop", "1.4.0").data)
    layer = next(one for one in manifest["layers"] if "release.json" in str(one["annotations"]))
    data = client.small_blob("out/shop", layer["digest"]).replace(b'"counter":14', b'"counter":15')
    data = data.replace(b'"any"', b'"anx"', 1)
    _put(client, data)
    layer |= {"digest": digest(data), "size": len(data)}
    evil = json.dumps(manifest).encode()
    client.put_manifest("out/shop", "9.9.9", evil, "application/vnd.oci.image.manifest.v1+json")
    customer = fetcher(product, tmp_path / "c", registry.address, registry.address)
    ran = customer.run("fetch", f"oci://{registry.address}/out/shop", "-o", tmp_path)
    assert 20 <= ran.code < 30, ran.stderr
    assert not list(tmp_path.glob("*.tar.zst*"))


def _put(client: RegistryClient, data: bytes) -> None:
    push.push_blob(client, "out/shop", digest(data), len(data), [data])


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("release.json", "has no release.json"),
        ("signatures/release.json.1.sigstore.json", ""),
        ("README.txt", "has no README.txt"),
    ],
)
def test_an_artifact_that_lacks_a_part(
    tmp_path: Path, start_registry: Start, title: str, words: str
) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    assert publish(product, f"oci://{registry.address}/out/shop").code == 0
    client = client_of(registry.address)
    manifest = json.loads(client.manifest("out/shop", "1.4.0").data)
    manifest["layers"] = [
        one for one in manifest["layers"] if one["annotations"][published.TITLE] != title
    ]
    kind = "application/vnd.oci.image.manifest.v1+json"
    client.put_manifest("out/shop", "2.0.0", json.dumps(manifest).encode(), kind)
    customer = fetcher(product, tmp_path / "c", registry.address, registry.address)
    ran = customer.run("fetch", f"oci://{registry.address}/out/shop", "-o", tmp_path)
    assert 20 <= ran.code < 30, ran.stderr
    assert words in ran.stderr


def test_an_image_is_no_published_release(tmp_path: Path, start_registry: Start) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    customer = fetcher(product, tmp_path / "c", registry.address, registry.address)
    ran = customer.run("fetch", f"oci://{registry.address}/shop/api:1", "--into-registry")
    assert ran.code == 21
    assert "is no published release" in ran.stderr
    ran = customer.run("fetch", f"oci://{registry.address}/shop/api", "--into-registry")
    assert ran.code == 33
    assert "no tag that is a version" in ran.stderr


def test_one_way_must_be_chosen(tmp_path: Path, start_registry: Start) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    customer = fetcher(product, tmp_path / "c", registry.address, registry.address)
    for more in ((), ("-o", "x.tar.zst", "--into-registry")):
        assert customer.run("fetch", f"oci://{registry.address}/a", *more).code == 2


# --- the page -------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "publish-and-fetch.md"


@pytest.mark.program("oras")
def test_the_page_can_be_followed(tmp_path: Path, start_registry: Start) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    product.build()
    customer = fetcher(product, tmp_path / "c", registry.address, registry.address)
    script = "\n".join(
        re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    )
    script = script.replace("registry.example", registry.address)
    script = script.replace("oras pull", f"{program('oras')} pull --plain-http")
    state = {"AIRFERRY_STATE": str(customer.folder / "state")}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=product.folder,
        env={**customer.variables(), **state, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (product.folder / "shop-1.4.0.tar.zst").read_bytes() == product.bundle.read_bytes()


def test_a_delta_is_published_only_over_its_base(tmp_path: Path, start_registry: Start) -> None:
    registry = start_registry()
    product = made(tmp_path / "v", registry.address)
    product.build()
    delta = tmp_path / "delta.tar.zst"
    words = ("build", "-f", product.folder, "-o", delta, "--without", product.bundle)
    assert bundler(*words).code == 0
    target = f"oci://{registry.address}/out/shop"
    ran = publish(product, target, delta)
    assert ran.code == 33
    assert "which is a delta" in ran.stderr
    assert client_of(registry.address).has_manifest("out/shop", "1.4.0") is None
    assert publish(product, target, product.bundle).code == 0
    again = publish(product, target, delta)
    assert again.code == 0, again.stderr
    assert again.answer["sent"] == 0
