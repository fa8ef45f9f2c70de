"""Volumes that were exchanged, renamed, cut or changed, against the command line and a registry."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from msgspec import structs

from airferry_archive import splitting, volumes
from airferry_archive.volume_set import read_volume
from airferry_fixtures.attack_scene import Scene
from airferry_fixtures.registry_content import stored, tags
from airferry_fixtures.simulator import (
    TAR_LAYER,
    Product,
    blob_of,
    bundle_of,
    image_of,
    noise,
    product_of,
)
from airferry_foundation.positioned import reading

pytestmark = pytest.mark.program("registry", "cosign")

SIZE = 250_000


def product(counter: int = 1) -> Product:
    made = product_of(
        images=[image_of(layers=[noise(90_000, f"{counter} {n}") for n in range(4)])],
        blobs=[blob_of(noise(80_000, f"{counter} tar {n}"), TAR_LAYER) for n in range(3)],
    )
    return made.changed(release_counter=counter, version=f"1.{counter}.0")


def cut(scene: Scene, name: str, *, counter: int = 1, size: int = SIZE) -> list[Path]:
    """A set in a folder of its own, its bundle gone."""
    folder = scene.folder / name
    folder.mkdir()
    bundle = bundle_of(scene.folder / "set.tar.zst", scene.vendor, product(counter))
    made = [one.path for one in splitting.split(bundle, folder, size)]
    bundle.unlink()
    assert len(made) == 3
    return made


@pytest.fixture
def stick(scene: Scene) -> list[Path]:
    return cut(scene, "stick")


def refused(scene: Scene, stick: list[Path], code: int, *words: str) -> None:
    """Both commands refuse the folder, naming what is wrong; nothing is in the registry."""
    before = stored(scene.registry)
    for name in ("verify", "load"):
        scene.refused_by(name, stick[0].parent, code, *words)
    assert stored(scene.registry) == before == frozenset()


def never_tagged(scene: Scene, stick: list[Path], damaged: Path) -> None:
    """Both commands refuse, naming the volume; of what was sent nothing can be pulled by a name."""
    for name in ("verify", "load"):
        done = scene.customer.run(name, stick[0].parent)
        assert done.code in {20, 21, 22, 23, 24, 52}, (done.code, done.stderr)
        assert damaged.name in done.stderr
        assert "Traceback" not in done.stderr
    assert tags(scene.registry) == {}


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def length_of(path: Path) -> int:
    """Bytes of a volume without its trailer."""
    with reading(path) as file:
        return read_volume(file).length


def test_the_good_set_is_let_in(scene: Scene, stick: list[Path]) -> None:
    for name in ("inspect", "verify", "load"):
        done = scene.customer.run(name, stick[0].parent)
        assert done.code == 0, done.stderr
    assert tags(scene.registry)


# --- volumes of another ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2])
def test_a_volume_of_another_bundle(scene: Scene, stick: list[Path], number: int) -> None:
    """Of another release of the same vendor, under the same name."""
    other = cut(scene, "other", counter=2)
    shutil.copy(other[number], stick[number])
    refused(scene, stick, 21, stick[number].name, "of the set", "another bundle")


def test_the_first_volume_of_another_bundle(scene: Scene, stick: list[Path]) -> None:
    shutil.copy(cut(scene, "other", counter=2)[0], stick[0])
    refused(scene, stick, 21, stick[1].name, "of the set")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_volume_of_another_split(scene: Scene, stick: list[Path], number: int) -> None:
    shutil.copy(cut(scene, "other", size=SIZE + 1)[number], stick[number])
    refused(scene, stick, 21, "another split")


@pytest.mark.parametrize("swapped", [(0, 1), (0, 2), (1, 2)])
def test_two_volumes_with_swapped_numbers(
    scene: Scene, stick: list[Path], swapped: tuple[int, int]
) -> None:
    one, other = (stick[number] for number in swapped)
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    refused(scene, stick, 21, one.name)


def test_a_volume_of_another_bundle_that_says_it_is_of_this_one(
    scene: Scene, stick: list[Path]
) -> None:
    """Trailers are not signed: whoever writes one can claim any set. The blobs tell."""
    with reading(stick[1]) as file:
        ours = read_volume(file)
    theirs = cut(scene, "other", counter=2)[1].read_bytes()[: ours.length]
    stick[1].write_bytes(theirs + volumes.encode(ours))
    never_tagged(scene, stick, stick[1])


def test_a_set_whose_trailers_all_claim_another_set(scene: Scene, stick: list[Path]) -> None:
    for path in stick:
        with reading(path) as file:
            ours = read_volume(file)
        lying = volumes.encode(structs.replace(ours, set="sha256:" + "0" * 64))
        path.write_bytes(path.read_bytes()[: ours.length] + lying)
    refused(scene, stick, 21, stick[0].name, "its header makes")


# --- bytes of volumes changed ---------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_volume_that_was_cut(scene: Scene, stick: list[Path], number: int) -> None:
    whole = stick[number].read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        stick[number].write_bytes(whole[:size])
        refused(scene, stick, 52, stick[number].name, "trailer is missing", "--only")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_flipped_byte_of_a_trailer(scene: Scene, stick: list[Path], number: int) -> None:
    whole = stick[number].read_bytes()
    length = length_of(stick[number])
    for at in (length, length + 5, length + 40, (length + len(whole)) // 2, len(whole) - 1):
        flip(stick[number], at)
        refused(scene, stick, 21, stick[number].name)
        stick[number].write_bytes(whole)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_flipped_byte_of_a_blob_in_a_volume(scene: Scene, stick: list[Path], number: int) -> None:
    flip(stick[number], length_of(stick[number]) - 30_000)
    never_tagged(scene, stick, stick[number])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_bytes_behind_a_volume(scene: Scene, stick: list[Path], number: int) -> None:
    with stick[number].open("ab") as file:
        file.write(b"\0" * 16)
    refused(scene, stick, 52, stick[number].name)
