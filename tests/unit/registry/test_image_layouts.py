"""Images on disk: OCI layouts and `docker save` tars, good ones and damaged ones."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from airferry_fixtures import images
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError, MissingInputError, RegistryMismatchError
from airferry_registry.image_layouts import DockerArchive, OciLayout
from airferry_registry.manifests import Manifest
from airferry_registry.streams import BlobSource, chunks

ONE = images.tiny(b"one")
TWO = images.tiny(b"two")


@pytest.fixture
def layout(tmp_path: Path) -> OciLayout:
    return OciLayout(images.write_layout(tmp_path / "layout", {"app:1": ONE, "app:2": TWO}))


@pytest.fixture
def archive(tmp_path: Path) -> DockerArchive:
    return DockerArchive(images.write_docker_archive(tmp_path / "one.tar", "acme/app:1", ONE))


def streamed(source: BlobSource, name: str, offset: int = 0) -> bytes:
    with source.open(name, offset) as reader:
        return b"".join(bytes(chunk) for chunk in chunks(reader))


# --- OCI layouts ----------------------------------------------------------------------------------


def test_an_image_is_found_by_its_name(layout: OciLayout) -> None:
    found = layout.manifest(layout.resolve("app:2"))
    assert (found.digest, found.data) == (TWO.digest, TWO.manifest.data)
    parsed = found.parse()
    assert isinstance(parsed, Manifest)
    for blob in parsed.blobs:
        assert digest(layout.read(blob.digest)) == blob.digest
        assert len(streamed(layout, blob.digest)) == blob.size
        assert streamed(layout, blob.digest, 3) == layout.read(blob.digest)[3:]


def test_a_name_that_is_missing_or_not_the_only_one(layout: OciLayout) -> None:
    for name in ("", "app:3"):
        with pytest.raises(MissingInputError) as caught:
            layout.resolve(name)
        assert caught.value.hint == "Name one of: app:1, app:2"


def test_the_only_image_needs_no_name(tmp_path: Path) -> None:
    layout = OciLayout(images.write_layout(tmp_path, {"app:1": ONE}))
    assert layout.resolve().digest == ONE.digest


def test_a_folder_that_is_no_layout(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"index\.json"):
        OciLayout(tmp_path).index()


def test_blobs_of_a_layout_are_verified(layout: OciLayout) -> None:
    name = ONE.config.digest
    (layout.path / "blobs/sha256" / name[7:]).write_bytes(b"other")
    with pytest.raises(RegistryMismatchError, match="not that of its name"):
        layout.read(name)
    assert layout.has(name)
    missing = digest(b"missing")
    assert not layout.has(missing)
    with pytest.raises(MissingInputError):
        streamed(layout, missing)
    with pytest.raises(InputError, match="is not a digest"):
        layout.read("sha256:../../../etc/passwd")


# --- docker save ----------------------------------------------------------------------------------


def test_a_saved_image_gets_a_manifest_always_the_same(archive: DockerArchive) -> None:
    found = archive.resolve("acme/app:1")
    assert archive.names() == ("docker.io/acme/app:1",)
    assert found == DockerArchive(archive.path).resolve()
    parsed = found.parse()
    assert isinstance(parsed, Manifest)
    assert parsed.config.digest == ONE.config.digest
    assert [layer.digest for layer in parsed.layers] == [layer.diff_id for layer in ONE.layers]
    for blob in parsed.blobs:
        data = streamed(archive, blob.digest)
        assert (digest(data), len(data)) == (blob.digest, blob.size)
        assert streamed(archive, blob.digest, 7) == data[7:]


def test_small_blobs_of_a_saved_image(archive: DockerArchive) -> None:
    assert archive.read(ONE.config.digest) == ONE.config.data
    with pytest.raises(InputError, match="more than 5 bytes"):
        archive.read(ONE.config.digest, cap=5)
    with pytest.raises(MissingInputError, match="no blob"):
        archive.read(digest(b"missing"))


def test_a_saved_image_of_another_name(archive: DockerArchive) -> None:
    with pytest.raises(MissingInputError) as caught:
        archive.resolve("acme/app:2")
    assert "docker.io/acme/app:1" in caught.value.hint


def tar_of(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path


def saved(config: str, *layers: str) -> bytes:
    return json.dumps([{"Config": config, "RepoTags": None, "Layers": layers}]).encode()


def test_layers_may_be_links_and_compressed(tmp_path: Path) -> None:
    packed = ONE.layers[0].blob.data
    members = {
        "c.json": b"{}",
        "a/layer.tar": packed,
        "manifest.json": saved("c.json", "a/layer.tar", "b/layer.tar"),
    }
    path = tar_of(tmp_path / "x.tar", members, {"b/layer.tar": "../a/layer.tar"})
    parsed = DockerArchive(path).resolve().parse()
    assert isinstance(parsed, Manifest)
    assert [layer.digest for layer in parsed.layers] == [digest(packed)] * 2
    assert parsed.layers[0].media_type.endswith("tar+gzip")


def test_a_name_that_is_a_digest_must_be_true(tmp_path: Path) -> None:
    member = f"blobs/sha256/{'0' * 64}"
    members = {"c.json": b"{}", member: b"x", "manifest.json": saved("c.json", member)}
    with pytest.raises(RegistryMismatchError, match=member):
        DockerArchive(tar_of(tmp_path / "x.tar", members)).resolve()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "no member 'manifest.json'"),
        ({"manifest.json": b"{}"}, "can't be read"),
        ({"manifest.json": saved("c.json", "l")}, "no member 'c.json'"),
        ({"manifest.json": saved("c.json", "/etc/passwd"), "c.json": b""}, "no member '/etc/pas"),
    ],
)
def test_what_is_no_saved_image(tmp_path: Path, members: dict[str, bytes], words: str) -> None:
    with pytest.raises(InputError, match=words):
        DockerArchive(tar_of(tmp_path / "x.tar", members)).resolve()


def test_what_is_no_tar(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"not a tar at all" * 100)
    with pytest.raises(InputError, match="not a tar of `docker save`"):
        DockerArchive(path).resolve()
    with pytest.raises(MissingInputError):
        DockerArchive(tmp_path / "none.tar").resolve()
