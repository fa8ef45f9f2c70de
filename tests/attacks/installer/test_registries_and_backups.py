"""A registry that lies or was tampered with, and backups that somebody made: by the command line.

The rows of the threat table whose other tests are about functions.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from airferry_fixtures.attack_scene import Scene
from airferry_fixtures.customers import customer_of
from airferry_fixtures.registry_content import stored, tags
from airferry_fixtures.servers.faulty import FaultyServer, Reply, Request
from airferry_fixtures.servers.front import forward
from airferry_fixtures.simulator import small_product
from airferry_foundation import documents
from airferry_foundation.digests import digest, hex_of
from airferry_installer import backup
from airferry_installer.delivery import own_tag
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("registry", "cosign")

Front = Callable[[Callable[[Request], Reply]], Scene]
PRODUCT = small_product()
IMAGE = PRODUCT.release.images[0]
LAYER = max(PRODUCT.release.blobs, key=lambda blob: blob.size).digest
OTHER = digest(b"other")


@pytest.fixture
def behind(scene: Scene) -> Iterator[Front]:
    """The same customer, whose registry is reached through somebody who changes answers."""
    with ExitStack() as stack:

        def start(script: Callable[[Request], Reply]) -> Scene:
            server = stack.enter_context(FaultyServer(script))
            folder = scene.folder / "behind"
            customer = customer_of(folder, server.address, scene.vendor)
            return replace(scene, customer=customer)

        yield start


# --- a registry that lies -------------------------------------------------------------------------


def test_a_registry_that_says_it_stored_something_else(scene: Scene, behind: Front) -> None:
    honest = forward(scene.registry)

    def script(request: Request) -> Reply:
        reply = honest(request)
        if request.method == "PUT" and reply.status == 201:
            return replace(reply, headers={**reply.headers, "Docker-Content-Digest": OTHER})
        return reply

    behind(script).refused_by("load", scene.good, 34, OTHER)
    assert tags(scene.registry) == {}


def test_a_registry_that_says_it_has_what_it_has_not(scene: Scene, behind: Front) -> None:
    """`load` has to believe it; no node could pull that, and `--deep` tells."""
    kept: list[bytes] = []

    def script(request: Request) -> Reply:
        if request.method == "HEAD":
            name = request.path.rpartition("/")[2]
            said = {"Content-Length": "1", "Docker-Content-Digest": name}
            return Reply(200 if name.startswith("sha256:") else 404, said)
        if request.method == "PUT":
            kept.append(request.body)
            return Reply(201, {"Docker-Content-Digest": digest(request.body)})
        return Reply(200 if request.path == "/v2/" else 404)

    liar = behind(script)
    done = liar.customer.run("load", scene.good, "--deep")
    assert done.code in {33, 34}, done.stderr
    assert "next:" in done.stderr
    assert stored(scene.registry) == frozenset()


@pytest.mark.parametrize("what", ["blobs", "manifests"])
def test_a_registry_that_serves_other_bytes(scene: Scene, behind: Front, what: str) -> None:
    honest = forward(scene.registry)

    def script(request: Request) -> Reply:
        reply = honest(request)
        if request.method == "GET" and f"/{what}/sha256:" in request.path and reply.status == 200:
            return replace(reply, body=b"!" + reply.body[1:])
        return reply

    liar = behind(script)
    assert scene.customer.run("load", scene.good).code == 0
    done = liar.customer.run("load", scene.good, "--deep")
    assert done.code == 34, done.stderr
    assert "sha256:" in done.stderr


def test_a_blob_that_was_changed_in_the_storage(scene: Scene) -> None:
    assert scene.customer.run("load", scene.good).code == 0
    [path] = (scene.registry.folder / "data").rglob(f"{hex_of(LAYER)}/data")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = scene.customer.run("load", scene.good, "--deep")
    assert (done.code, LAYER in done.stderr) == (34, True), done.stderr


# --- load changing what runs ----------------------------------------------------------------------


def test_load_moves_no_tag_of_the_customers(scene: Scene) -> None:
    """A tag that workloads may run by stands for another image: it stays."""
    client = RegistryClient(RegistrySettings(scene.registry.address, plain_http=True))
    assert scene.customer.run("load", scene.good).code == 0
    manifest = client.manifest("docker.io/acme/web", IMAGE.digest)
    client.put_manifest("docker.io/acme/web", "1.0", manifest.data, manifest.media_type)
    before = tags(scene.registry)
    assert before["docker.io/acme/web:1.0"] == IMAGE.digest
    assert scene.customer.run("load", scene.good).code == 0
    assert tags(scene.registry) == before


def test_a_tag_of_ours_that_somebody_put_on_another_image(scene: Scene) -> None:
    client = RegistryClient(RegistrySettings(scene.registry.address, plain_http=True))
    kind = "application/vnd.oci.image.index.v1+json"
    other = documents.encode({"schemaVersion": 2, "mediaType": kind, "manifests": []})
    client.put_manifest("docker.io/acme/web", own_tag(IMAGE.digest), other, kind)
    scene.refused_by("load", scene.good, 34, own_tag(IMAGE.digest), digest(other))
    assert tags(scene.registry)[f"docker.io/acme/web:{own_tag(IMAGE.digest)}"] == digest(other)


# --- backups --------------------------------------------------------------------------------------


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for entry, data in members:
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry


@pytest.mark.parametrize(
    "entry",
    [
        member("../escaped"),
        member("/tmp/airferry-escaped"),
        member("plan/../../escaped"),
        member("state.db", tarfile.SYMTYPE, "/etc/passwd"),
        member("state.db", tarfile.LNKTYPE, "backup.json"),
        member("state.db", tarfile.CHRTYPE),
        member("STATE.DB"),
    ],
    ids=lambda entry: f"{entry.name} {entry.type.decode()}",
)
def test_a_backup_whose_names_escape(scene: Scene, entry: tarfile.TarInfo) -> None:
    """Neither beside the state folder nor in it is anything written; what is there stays."""
    customer = scene.customer
    made = backup.make(customer.state, scene.folder / "good.backup")
    listed = {**made.files, entry.name: digest(b"evil")}
    forged = documents.encode({**msgspec.to_builtins(made), "files": listed})
    bad = packed(scene.folder / "bad.backup", (member(backup.LIST), forged), (entry, b"evil"))
    known = customer.remembered()
    before = {path for path in scene.folder.rglob("*") if path.name != "lock"}
    done = customer.run("restore", bad, "--replace", "--yes")
    assert done.code in {10, 12, 29}, done.stderr
    assert "bad.backup" in done.stderr
    assert "Traceback" not in done.stderr
    left = {path for path in scene.folder.rglob("*") if path.name != "lock"}
    assert {path.name for path in left - before} <= {"state.lock"}
    assert not Path("/tmp/airferry-escaped").exists()
    assert customer.remembered() == known


@pytest.mark.parametrize("at", [0.05, 0.3, 0.6])
def test_a_backup_with_a_byte_changed(scene: Scene, at: float) -> None:
    customer = scene.customer
    backup.make(customer.state, scene.folder / "b")
    data = bytearray((scene.folder / "b").read_bytes())
    place = next(n for n in range(int(len(data) * at), len(data)) if data[n])
    data[place] ^= 1
    (scene.folder / "b").write_bytes(data)
    known = customer.remembered()
    done = customer.run("restore", scene.folder / "b", "--replace", "--yes")
    assert done.code in {10, 12, 29}, done.stderr
    assert "Traceback" not in done.stderr
    assert customer.remembered() == known
