"""The vendor's way by the command line, on the shop; the result opens with everybody's tools."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from airferry_archive.reader import BundleReader
from airferry_fixtures.commands import Ran, bundler
from airferry_fixtures.servers.programs import program
from airferry_fixtures.servers.registry import RegistryServer
from airferry_fixtures.shop import make_shop
from airferry_foundation.digests import digest
from airferry_registry.client import RegistryClient
from airferry_registry.settings import RegistrySettings

pytestmark = pytest.mark.program("cosign", "helm")

ENVIRONMENT = {"COSIGN_PASSWORD": "a passphrase", "SOURCE_DATE_EPOCH": "1767225600"}


@dataclass(frozen=True)
class Made:
    """A product folder with its bundle."""

    folder: Path
    bundle: Path
    address: str

    def run(self, *arguments: str | Path) -> Ran:
        ran = bundler(*arguments, folder=self.folder, environment=ENVIRONMENT)
        assert ran.code == 0, ran.stderr
        return ran


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, registry: RegistryServer) -> Made:
    """Every command that a vendor gives, once."""
    folder = tmp_path_factory.mktemp("vendor") / "shop"
    make_shop(folder, registry.address)
    shop = Made(folder, folder / "out.tar.zst", registry.address)
    for name in ("root", "release-1", "release-2", "channel", "ack"):
        shop.run("keys", "generate", "--role", name.partition("-")[0], "--name", name, "-o", "keys")
    pairs = [
        f"--key={name.partition('-')[0]}=keys/{name}.pub"
        for name in ("root", "release-1", "release-2", "channel", "ack")
    ]
    shop.run("keys", "root", "init", "--product", "shop", *pairs, "--threshold", "release=2")
    shop.run("sign", "roots/1.json", "--key", "keys/root.key")
    shop.run("lock")
    shop.run("release")
    shop.run("sign", "release.json", "--key", "keys/release-1.key")
    shop.run("sign", "release.json", "--key", "keys/release-2.key")
    shop.run("build", "-o", "out.tar.zst")
    return shop


@pytest.fixture(scope="module")
def opened(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, opened with GNU tar."""
    folder = tmp_path_factory.mktemp("opened")
    command = ["tar", "--zstd", "-xf", made.bundle, "-C", folder]
    subprocess.run(command, check=True)
    return folder


def test_our_own_reader_accounts_for_every_byte(made: Made) -> None:
    with BundleReader.open(made.bundle) as reader:
        reader.bind(reader.release())
        assert reader.verify().file_bytes == made.bundle.stat().st_size


def test_checksums_hold(opened: Path) -> None:
    command = ["sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"]
    done = subprocess.run(command, cwd=opened, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    listed = {line[66:] for line in (opened / "SHA256SUMS").read_text("utf-8").splitlines()}
    there = {str(p.relative_to(opened)) for p in opened.rglob("*") if p.is_file()}
    assert there - listed == {"SHA256SUMS"}


@pytest.mark.program("bsdtar")
def test_bsdtar_reads_the_same(made: Made, opened: Path, tmp_path: Path) -> None:
    command = ["bsdtar", "-xf", made.bundle, "-C", tmp_path]
    subprocess.run(command, check=True)
    command = ["diff", "-r", opened, tmp_path]
    assert subprocess.run(command, check=False, capture_output=True).stdout == b""


@pytest.mark.parametrize("number", [1, 2])
def test_cosign_accepts_each_signature(made: Made, opened: Path, number: int) -> None:
    (opened / "empty-root.json").write_text(
        '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}', "utf-8"
    )
    signature = opened / "signatures" / f"release.json.{number}.sigstore.json"
    command = [program("cosign"), "verify-blob", "--insecure-ignore-tlog=true"]
    command += ["--key", made.folder / "keys" / f"release-{number}.pub", "--bundle", signature]
    command += ["--trusted-root", opened / "empty-root.json", opened / "release.json"]
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    (opened / "empty-root.json").unlink()


@pytest.mark.program("skopeo")
@pytest.mark.parametrize("name", ["web", "migrate", "store", "tools"])
def test_skopeo_reads_every_image_with_the_vendors_digest(
    made: Made, opened: Path, tmp_path: Path, name: str
) -> None:
    reference = f"{made.address}/shop/{name}:1.4.0"
    command = ["skopeo", "inspect", "--format", "{{.Digest}}", f"oci:{opened}:{reference}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    client = RegistryClient(RegistrySettings(made.address, plain_http=True))
    release = json.loads((opened / "release.json").read_bytes())
    [image] = [image for image in release["images"] if image["name"] == reference]
    assert done.stdout.strip() == image["digest"]
    assert client.has_manifest(f"shop/{name}", image["digest"]) == image["digest"]
    copied = ["skopeo", "copy", f"oci:{opened}:{reference}", f"dir:{tmp_path / 'copy'}"]
    subprocess.run(copied, check=True, capture_output=True)
    assert digest((tmp_path / "copy" / "manifest.json").read_bytes()) == image["digest"]


def test_charts_and_files_come_back_by_name(opened: Path, tmp_path: Path) -> None:
    oras = program("oras")
    for reference in ("shop/charts/store", "shop/files"):
        entries = json.loads((opened / "index.json").read_bytes())["manifests"]
        names = [e.get("annotations", {}).values() for e in entries]
        [full] = [n for found in names for n in found if n.startswith(f"{reference}:")]
        command = [oras, "pull", "--oci-layout", f"{opened}@{_digest(opened, full)}"]
        done = subprocess.run(
            [*command, "-o", tmp_path], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("store-*.tgz"))
    assert (tmp_path / "values" / "base.yaml").is_file()
    assert (tmp_path / "schemas" / "shop.json").is_file()
    assert (tmp_path / "manifests" / "manifests.yaml").is_file()


def _digest(opened: Path, name: str) -> str:
    for entry in json.loads((opened / "index.json").read_bytes())["manifests"]:
        if name in entry.get("annotations", {}).values():
            return str(entry["digest"])
    raise AssertionError(name)


def test_inspect_tells_who_signed_and_no_more_than_it_knows(made: Made) -> None:
    ran = made.run("inspect", "out.tar.zst")
    assert "self-consistent: yes, by the roots that it carries itself" in ran.stdout
    seen = made.run("inspect", "out.tar.zst", "--output", "json").answer
    assert (seen["product"], seen["version"], seen["counter"]) == ("shop", "1.4.0", 14)
    assert seen["audience"]["customers"] == ["acme"]
    assert len(seen["signers"]) == 2
    assert seen["self_consistent"] is True
    assert len(seen["images"]) == 4
    assert str(made.folder) not in ran.stdout


def test_built_again_elsewhere_the_bytes_are_the_same(made: Made, tmp_path: Path) -> None:
    """From another checkout in another folder, with the same signatures."""
    other = tmp_path / "another" / "checkout"
    shutil.copytree(made.folder, other, ignore=shutil.ignore_patterns("*.tar.zst", "release.json"))
    ran = bundler("release", "-f", other, environment=ENVIRONMENT)
    assert ran.code == 0, ran.stderr
    for signature in made.folder.glob("release.json.*.sigstore.json"):
        shutil.copy(signature, other)
    assert bundler("build", "-f", other, "-o", other / "b.tar.zst").code == 0
    assert (other / "b.tar.zst").read_bytes() == made.bundle.read_bytes()


def test_locked_again_elsewhere_the_lock_is_the_same(made: Made, tmp_path: Path) -> None:
    other = tmp_path / "checkout"
    shutil.copytree(made.folder, other, ignore=shutil.ignore_patterns("*.tar.zst", "*.lock"))
    assert bundler("lock", "-f", other, environment=ENVIRONMENT).code == 0
    assert (other / "airferry.lock").read_bytes() == (made.folder / "airferry.lock").read_bytes()


def test_keys_at_once_meet_the_threshold(made: Made, tmp_path: Path) -> None:
    other = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("*.tar.zst", "release.json*")
    shutil.copytree(made.folder, other, ignore=ignored)
    out = tmp_path / "stick"
    out.mkdir()
    command = ("build", "-f", other, "--keys", other / "keys", "-o", out, "--output", "json")
    ran = bundler(*command, environment=ENVIRONMENT)
    assert ran.code == 0, ran.stderr
    assert ran.answer["bundle"] == str(out / "shop-1.4.0.tar.zst")
    assert len(ran.answer["signers"]) == 2
    again = bundler(*command, environment=ENVIRONMENT)
    assert again.code == 0, again.stderr
    assert len(list(other.glob("release.json.*.sigstore.json"))) == 2


def test_diff_against_the_release_before(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    make_shop(folder, made.address, "1.4.1")
    shutil.copytree(made.folder / "roots", folder / "roots")
    for command in ("lock", "release"):
        assert bundler(command, "-f", folder, environment=ENVIRONMENT).code == 0
    ran = bundler("diff", made.bundle, folder / "release.json", "--output", "json")
    assert ran.code == 1, ran.stderr
    changes = {(c["part"], c["name"]) for c in ran.answer["changes"]}
    assert changes == {
        ("release", "version"),
        ("release", "release_counter"),
        ("image", f"{made.address}/shop/web"),
        ("chart", "shop"),
        ("attachment", "values values/base.yaml"),
    }
    assert 0 < ran.answer["bytes_to_carry"] < ran.answer["bytes_kept"]
    same = bundler("diff", made.bundle, made.folder / "airferry.lock", "--output", "json")
    assert (same.code, same.answer["same"]) == (0, True)
