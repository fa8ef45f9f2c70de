"""Blobs delivered from what we packed and from layouts; the next origin where one lacks it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from airferry_archive.release import Blob
from airferry_bundler.origins import Origins
from airferry_bundler.spec import Audience, ImageSource, Spec, SpecFile
from airferry_bundler.supply import Supply
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError, MissingInputError, RegistryMismatchError
from airferry_foundation.progress import SILENT

LAYER = b"layer" * 1000
SPEC = Spec(
    product="shop", version="1.0.0", counter=1, audience=Audience(), platforms=("linux/amd64",)
)


def layout(folder: Path, *blobs: bytes, name: str = "1.0") -> None:
    (folder / "blobs" / "sha256").mkdir(parents=True)
    for data in blobs:
        (folder / "blobs" / "sha256" / digest(data)[7:]).write_bytes(data)
    entry = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest(blobs[0]),
        "size": len(blobs[0]),
        "annotations": {"org.opencontainers.image.ref.name": name},
    }
    index = {"schemaVersion": 2, "manifests": [entry]}
    (folder / "index.json").write_text(json.dumps(index), "utf-8")


def origins(folder: Path) -> Origins:
    return Origins(SpecFile(SPEC, folder / "airferry.yaml"))


def blob(data: bytes, size: int | None = None) -> Blob:
    wanted = len(data) if size is None else size
    return Blob(
        digest=digest(data), size=wanted, media_type="application/x", repositories=("r/a", "r/b")
    )


@dataclass
class Received:
    """Takes bytes, as the file does."""

    data: bytearray

    @property
    def taken(self) -> int:
        return len(self.data)

    @property
    def digest(self) -> str:
        return digest(bytes(self.data))

    def write(self, data: memoryview, /) -> None:
        self.data += data


def deliver(supply: Supply, wanted: Blob, front: bytes = b"") -> bytes:
    received = Received(bytearray(front))
    supply.deliver(wanted, received, SILENT.start(""))
    return bytes(received.data)


def test_it_goes_on_behind_what_is_there(tmp_path: Path) -> None:
    layout(tmp_path / "app", LAYER)
    packed = Supply({digest(LAYER): LAYER}, origins(tmp_path), {})
    for supply in (packed, Supply({}, origins(tmp_path), {"r/a": ("oci:app",)})):
        assert deliver(supply, blob(LAYER), LAYER[:1234]) == LAYER


def test_a_front_of_other_bytes_is_found(tmp_path: Path) -> None:
    layout(tmp_path / "app", LAYER)
    with pytest.raises(RegistryMismatchError):
        deliver(Supply({}, origins(tmp_path), {"r/a": ("oci:app",)}), blob(LAYER), b"other")


def test_what_we_packed(tmp_path: Path) -> None:
    supply = Supply({digest(LAYER): LAYER}, origins(tmp_path), {})
    assert deliver(supply, blob(LAYER)) == LAYER


def test_from_a_layout(tmp_path: Path) -> None:
    layout(tmp_path / "app", LAYER)
    assert deliver(Supply({}, origins(tmp_path), {"r/a": ("oci:app",)}), blob(LAYER)) == LAYER


def test_the_next_origin_where_one_lacks_it(tmp_path: Path) -> None:
    layout(tmp_path / "old", b"other")
    layout(tmp_path / "app", LAYER)
    places = {"r/a": ("oci:old",), "r/b": ("oci:app",)}
    assert deliver(Supply({}, origins(tmp_path), places), blob(LAYER)) == LAYER


def test_none_has_it(tmp_path: Path) -> None:
    layout(tmp_path / "old", b"other")
    with pytest.raises(MissingInputError, match="does not exist"):
        deliver(Supply({}, origins(tmp_path), {"r/a": ("oci:old",)}), blob(LAYER))


def test_no_origin(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no origin in airferry\.lock"):
        deliver(Supply({}, origins(tmp_path), {"r/c": ("oci:old",)}), blob(LAYER))


@pytest.mark.parametrize("damaged", [LAYER[:-1], LAYER + b"x", LAYER[:-1] + b"x", b""])
def test_a_layout_that_was_damaged(tmp_path: Path, damaged: bytes) -> None:
    layout(tmp_path / "app", LAYER)
    (tmp_path / "app" / "blobs" / "sha256" / digest(LAYER)[7:]).write_bytes(damaged)
    with pytest.raises(RegistryMismatchError, match="other bytes came"):
        deliver(Supply({}, origins(tmp_path), {"r/a": ("oci:app",)}), blob(LAYER))


def test_what_a_layout_calls_its_image(tmp_path: Path) -> None:
    layout(tmp_path / "app", LAYER, name="r.example/acme/app:1")
    place = origins(tmp_path).place(ImageSource(ref="oci:app"))
    assert (place.name, place.origin) == ("r.example/acme/app:1", "oci:app")
    named = origins(tmp_path).place(ImageSource(ref="oci:app", name="acme/app:2"))
    assert named.name == "docker.io/acme/app:2"


def test_a_bare_tag_is_no_name(tmp_path: Path) -> None:
    layout(tmp_path / "app", LAYER)
    with pytest.raises(InputError, match="what charts call this image") as caught:
        origins(tmp_path).place(ImageSource(ref="oci:app:1.0"))
    assert '{ref: "oci:app:1.0", name: host/path:tag}' in caught.value.hint


def test_registry_names_are_written_in_full(tmp_path: Path) -> None:
    place = origins(tmp_path).place(ImageSource(ref="redis"))
    assert (place.name, place.version) == ("docker.io/library/redis:latest", "latest")
    assert place.origin == "docker.io/library/redis"
    other = origins(tmp_path).place(ImageSource(ref="mirror.example/redis:7", name="redis:7"))
    assert (other.name, other.origin) == ("docker.io/library/redis:7", "mirror.example/redis")
