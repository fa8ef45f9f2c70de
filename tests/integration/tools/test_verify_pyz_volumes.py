"""verify.pyz over volumes: given by one, by their folders, in any order, or put together by cat."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import msgspec
import pytest
from msgspec import structs

from airferry_archive import splitting, volumes
from airferry_archive.volume_set import read_volume
from airferry_fixtures.one_file_verifier import Check
from airferry_fixtures.simulator import (
    GZIP_LAYER,
    TAR_LAYER,
    blob_of,
    bundle_of,
    noise,
    product_of,
)
from airferry_fixtures.small_volumes import FRAME, accepted, small_frames, volumes_of
from airferry_fixtures.small_volumes import VENDOR as SMALL_VENDOR
from airferry_fixtures.statements import Vendor
from airferry_foundation import documents
from airferry_foundation.positioned import reading

VENDOR = Vendor()
PRODUCT = product_of(
    blobs=[
        *(blob_of(noise(80_000, n), GZIP_LAYER) for n in ("a", "b", "c")),
        *(blob_of(noise(80_000, n), TAR_LAYER) for n in ("d", "e", "f")),
    ]
)

pytestmark = pytest.mark.program("openssl", "zstd")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("volumes")
    bundle = bundle_of(folder / "shop.tar.zst", VENDOR, PRODUCT)
    written = splitting.split(bundle, folder, 250_000)
    assert len(written) == 3
    return [one.path for one in written]


@pytest.fixture
def stick(made: list[Path], tmp_path: Path) -> list[Path]:
    """The three volumes in a folder of their own, to be changed."""
    folder = tmp_path / "stick"
    folder.mkdir()
    return [Path(shutil.copy(one, folder)) for one in made]


@pytest.fixture
def check(pyz: Path, tmp_path: Path) -> Check:
    return Check(pyz, tmp_path, VENDOR)


def verified(check: Check, *given: Path) -> str:
    done = check.run(*given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "VERIFIED" in done.stdout
    return done.stdout


def trailer_of(path: Path) -> volumes.Volume:
    with reading(path) as file:
        return read_volume(file)


def give_trailer(path: Path, **changes: object) -> None:
    """Let a volume say something else, in a trailer that is sound by itself."""
    volume = trailer_of(path)
    piece = path.read_bytes()[: volume.length]
    path.write_bytes(piece + volumes.encode(structs.replace(volume, **changes)))


# --- as they are given ----------------------------------------------------------------------------


def test_by_the_first_by_another_one_and_by_their_folder(check: Check, stick: list[Path]) -> None:
    for given in (*stick, stick[0].parent):
        said = verified(check, given)
        assert "3 volumes in files; their trailers hold" in said
        assert "full: 6 blobs" in said
    assert sorted(stick[0].parent.iterdir()) == stick, "nothing is written beside them"


def test_files_and_folders_in_any_order_each_once(
    check: Check, stick: list[Path], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    third = Path(shutil.move(stick[2], other))
    verified(check, third, stick[1], stick[0], other, stick[0].parent)


def test_missing_ones_are_named_and_nothing_is_said_about_the_bundle(
    check: Check, stick: list[Path]
) -> None:
    stick[1].unlink()
    check.refused(stick[0], "of the 3 volumes these are missing: shop.tar.zst.002", code=2)
    stick[0].unlink()
    check.refused(stick[0].parent, "missing: shop.tar.zst.001, shop.tar.zst.002", code=2)


def test_what_is_not_clear_is_asked_back(check: Check, stick: list[Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check.refused(tmp_path / "empty", "holds no volumes", code=2)
    check.refused(tmp_path / "gone.001", "gone.001", code=2)
    again = tmp_path / "again"
    again.mkdir()
    shutil.copy(stick[1], again)
    check.refused([stick[0], again], "volume 2 is there twice", code=2)
    shutil.copy(stick[0], stick[0].with_name("till.tar.zst.001"))
    check.refused(stick[0].parent, "several bundles", code=2)
    whole = bundle_of(tmp_path / "whole.tar.zst", VENDOR, PRODUCT)
    check.refused([stick[0], whole], "no volume but a bundle by itself", code=2)


def test_cat_makes_one_file_of_them_that_is_told_apart(
    check: Check, stick: list[Path], tmp_path: Path
) -> None:
    whole = tmp_path / "cat.tar.zst"
    pieces = [one.read_bytes() for one in stick]
    whole.write_bytes(b"".join(pieces))
    assert "3 volumes in one file, as cat makes it" in verified(check, whole)
    two = tmp_path / "two.tar.zst"
    two.write_bytes(pieces[1] + pieces[2])
    stick[1].unlink()
    stick[2].unlink()
    verified(check, two, stick[0])
    check.refused(two, "missing: volume 1", code=2)
    whole.write_bytes(pieces[0] + pieces[2] + pieces[1])
    check.refused(whole, "something else than its trailer says")
    whole.write_bytes(b"x" + b"".join(pieces))
    check.refused(whole, "no trailer ends at byte 1")


# --- blobs that are cut ---------------------------------------------------------------------------


def test_blobs_over_two_volumes(check: Check, tmp_path: Path) -> None:
    text = b"a long line of text\n" * (4 << 20)
    product = product_of(blobs=[blob_of(noise(70 << 20), GZIP_LAYER), blob_of(text, TAR_LAYER)])
    bundle = bundle_of(tmp_path / "shop.tar.zst", VENDOR, product)
    folder = tmp_path / "stick"
    folder.mkdir()
    first, second = (one.path for one in splitting.split(bundle, folder, 66 << 20))
    assert trailer_of(first).parts
    verified(check, folder)
    with second.open("r+b") as file:
        file.seek(100)
        file.write(b"other")
    check.refused(folder, str(second), "the part of")


# --- what is wrong --------------------------------------------------------------------------------


def test_renamed_cut_and_damaged_volumes_are_named(check: Check, stick: list[Path]) -> None:
    second = stick[1].read_bytes()
    stick[1].write_bytes(stick[2].read_bytes())
    check.refused(stick[0], "is volume 3 of its set: it was renamed")
    stick[1].write_bytes(second[:-100])
    check.refused(stick[0], f"{stick[1]} is no whole volume")
    stick[1].write_bytes(second[1:])
    check.refused(stick[0], f"{stick[1]}: before byte")
    flipped = bytearray(second)
    flipped[-40] ^= 1
    stick[1].write_bytes(flipped)
    check.refused(stick[0], f"{stick[1]}: its trailer is damaged")


def test_volumes_of_another_bundle_or_split(
    check: Check, stick: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    bundle = bundle_of(tmp_path / "shop.tar.zst", VENDOR, PRODUCT)
    other = [one.path for one in splitting.split(bundle, folder, 250_001)]
    stick[1].write_bytes(other[1].read_bytes())
    check.refused(stick[0].parent, "of another bundle, or of another split")
    for one in stick:
        shutil.copy(other[0], one)
    check.refused(stick[0].parent, "it was renamed")


@pytest.mark.parametrize(
    ("number", "changes", "words"),
    [
        (0, {"set": "sha256:" + "0" * 64}, "the header is of sha256:"),
        (1, {"start": 1}, "does not go on where volume 1 ends"),
        (2, {"count": 4}, "of another bundle"),
        (2, {"blobs": ()}, "does not list what the volume holds"),
        (2, {"compressed": ()}, "does not list what the volume holds"),
        (1, {"index": 3}, "it was renamed"),
    ],
)
def test_a_trailer_that_says_something_else(
    check: Check, stick: list[Path], number: int, changes: dict[str, object], words: str
) -> None:
    others = stick if "set" in changes else [stick[number]]
    for one in others:
        give_trailer(one, **changes)
    check.refused(stick[0], words)


def test_trailers_in_other_words(check: Check, stick: list[Path]) -> None:
    """The same content in bytes that are not canonical, or with fields that don't belong."""
    volume = trailer_of(stick[2])
    piece = stick[2].read_bytes()[: volume.length]
    fields = msgspec.to_builtins(volume)
    odds: list[object] = [fields | one for one in ({"more": 1}, {"index": True}, {"parts": []})]
    for odd in (*odds, []):
        text = msgspec.json.encode(odd, order="sorted")
        with mock.patch.object(documents, "encode", return_value=text):
            stick[2].write_bytes(piece + volumes.encode(volume))
        check.refused(stick[0])


# --- against our own reader -----------------------------------------------------------------------


@pytest.fixture
def tiny_frames(main: Callable[[list[str]], int]) -> Iterator[None]:
    """Frames of 2 KiB for both readers, so that blobs are cut in small files."""
    theirs = sys.modules["airferry_verify.frames"]
    with (
        small_frames(),
        mock.patch.object(theirs, "FRAME", FRAME),
        mock.patch.object(theirs, "BLOCK", FRAME),
    ):
        yield


@pytest.mark.usefixtures("tiny_frames")
def test_both_readers_agree_about_every_change_of_a_volume(
    main: Callable[[list[str]], int], pyz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flipped byte or a cut, every few bytes of each volume: none is accepted by either."""
    made = volumes_of(tmp_path / "stick")
    words = Check(pyz, tmp_path, SMALL_VENDOR).words(made[0])
    assert (main(words), accepted(made[0])) == (0, True)
    assert any(trailer_of(one).parts for one in made)
    for path in made:
        whole = path.read_bytes()
        for at in range(0, len(whole), 131):
            changed = bytearray(whole)
            changed[at] ^= 1 << at % 8
            path.write_bytes(changed)
            assert (main(words), accepted(made[0])) == (1, False), (path, at)
        for size in range(0, len(whole), 997):
            path.write_bytes(whole[:size])
            assert (main(words), accepted(made[0])) == (1, False), (path, size)
        path.write_bytes(whole)
    assert main(words) == 0
    capsys.readouterr()


def test_cat_and_tar_read_the_same_file(stick: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    script = f"cat {stick[0].parent}/shop.tar.zst.* | tar --zstd -x -C {out}"
    subprocess.run(["/bin/bash", "-o", "pipefail", "-c", script], check=True)
    assert len(list((out / "blobs" / "sha256").iterdir())) == 6
