"""Volumes: written, read back, put together, opened with everybody's tools."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from unittest import mock

import pytest
from msgspec import structs

from airferry_archive import splitting, volume_check, volumes
from airferry_archive.reader import BundleReader
from airferry_archive.volume_set import Media, read_volume
from airferry_fixtures.servers.programs import program
from airferry_fixtures.simulator import (
    read_everything,
)
from airferry_fixtures.small_volumes import cut_product, small_frames, volumes_of
from airferry_foundation import rereading
from airferry_foundation.errors import (
    BundleMismatchError,
    InputError,
    MediaError,
    MissingInputError,
    TruncatedError,
    VolumeMissingError,
)
from airferry_foundation.positioned import reading

CONTENTS = cut_product().contents


@pytest.fixture(autouse=True)
def frames() -> Iterator[None]:
    with small_frames():
        yield


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A folder with three volumes; the bundle lies beside it."""
    made = volumes_of(tmp_path / "stick")
    assert [one.name for one in made] == [f"b.tar.zst.00{n}" for n in (1, 2, 3)]
    return tmp_path / "stick"


def volume(stick: Path, number: int) -> Path:
    return stick / f"b.tar.zst.00{number}"


def moved(stick: Path, number: int, to: str) -> Path:
    folder = stick.with_name(to)
    folder.mkdir(exist_ok=True)
    shutil.move(volume(stick, number), folder)
    return folder


def read(path: Path, media: Media) -> dict[str, bytes]:
    with BundleReader.open(path, media) as reader:
        reader.bind(reader.release())
        found = {one: reader.blob(one, 1 << 30) for one in reader.layout.members}
        reader.verify()
        return found


def test_a_set_is_read_as_the_bundle_by_any_volume_or_the_folder(stick: Path) -> None:
    for path in (stick, *(volume(stick, n) for n in (1, 2, 3))):
        assert read_everything(path) == CONTENTS


def test_they_lie_where_they_were_wanted_and_nowhere_else(stick: Path) -> None:
    assert sorted(one.name for one in stick.parent.iterdir()) == ["b.tar.zst", "stick"]
    assert sorted(one.name for one in stick.iterdir()) == [f"b.tar.zst.00{n}" for n in (1, 2, 3)]


def test_no_volume_is_larger_than_was_allowed(stick: Path) -> None:
    found = [volume_check.check(one) for one in sorted(stick.iterdir())]
    assert {one.cut for one in found} == {found[0].cut}
    assert all(one.stat().st_size <= found[0].cut for one in stick.iterdir())
    assert any(one.parts for one in found)


def test_joined_they_are_the_bundle_to_the_byte(stick: Path, tmp_path: Path) -> None:
    joined = tmp_path / "joined.tar.zst"
    whole = (tmp_path / "b.tar.zst").read_bytes()
    assert splitting.join(volume(stick, 1), joined) == (len(whole), 3)
    assert joined.read_bytes() == whole
    with pytest.raises(InputError, match="exists already"):
        splitting.join(stick, joined)


@pytest.mark.program("tar", "zstd")
def test_cat_and_tar_open_them(stick: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    script = f"cat {stick}/b.tar.zst.* | tar --zstd -x -C {tmp_path}/out"
    subprocess.run(["/bin/bash", "-o", "pipefail", "-c", script], check=True)
    sums = ["/usr/bin/sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS"]
    subprocess.run(sums, cwd=tmp_path / "out", check=True)
    assert len(list((tmp_path / "out" / "blobs" / "sha256").iterdir())) == len(CONTENTS)


@pytest.mark.program("zstd")
def test_zstd_finds_no_fault_in_one_volume(stick: Path) -> None:
    for one in stick.iterdir():
        subprocess.run([program("zstd"), "-t", "-q", one], check=True)


def test_a_volume_that_got_lost_is_made_again_the_same(stick: Path, tmp_path: Path) -> None:
    before = volume(stick, 2).read_bytes()
    cut = volume_check.check(volume(stick, 1)).cut
    volume(stick, 2).unlink()
    [made] = splitting.split(tmp_path / "b.tar.zst", stick, cut, only=[2])
    assert (made.path, made.was_there) == (volume(stick, 2), False)
    assert made.path.read_bytes() == before
    with pytest.raises(InputError, match="no volume 4"):
        splitting.split(tmp_path / "b.tar.zst", stick, cut, only=[4])


def test_what_is_there_already_is_checked_and_left(stick: Path, tmp_path: Path) -> None:
    cut = volume_check.check(volume(stick, 1)).cut
    volume(stick, 3).unlink()
    again = splitting.split(tmp_path / "b.tar.zst", stick, cut)
    assert [one.was_there for one in again] == [True, True, False]
    with volume(stick, 2).open("r+b") as file:
        file.seek(8000)
        file.write(b"damage")
    with pytest.raises(BundleMismatchError):
        splitting.split(tmp_path / "b.tar.zst", stick, cut)


def test_a_volume_of_another_split_is_not_written_over(stick: Path, tmp_path: Path) -> None:
    cut = volume_check.check(volume(stick, 1)).cut
    with pytest.raises(InputError, match="another set"):
        splitting.split(tmp_path / "b.tar.zst", stick, cut + 100)


def test_a_damaged_bundle_is_not_split(stick: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "b.tar.zst"
    content = bytearray(bundle.read_bytes())
    content[-5000] ^= 1
    bundle.write_bytes(content)
    (tmp_path / "other").mkdir()
    with pytest.raises(BundleMismatchError):
        splitting.split(bundle, tmp_path / "other", 1 << 20)
    assert list((tmp_path / "other").iterdir()) == []


def test_a_medium_that_gives_back_other_bytes_is_noticed(tmp_path: Path, stick: Path) -> None:
    """A stick that is smaller than it says takes everything and keeps a part."""
    honest = rereading.digest_on_medium

    def lie(path: Path, *, task: object = None) -> str:
        with path.open("r+b") as file:
            file.seek(5000)
            file.write(b"\xff" * 100)
        return honest(path)

    (tmp_path / "bad").mkdir()
    with (
        mock.patch.object(rereading, "digest_on_medium", lie),
        pytest.raises(MediaError, match="gives other bytes back"),
    ):
        splitting.split(tmp_path / "b.tar.zst", tmp_path / "bad", 1 << 20)
    assert [one.suffix for one in (tmp_path / "bad").iterdir()] == [".partial"]


# --- several media --------------------------------------------------------------------------------


def test_volumes_may_lie_in_several_folders(stick: Path) -> None:
    other, third = moved(stick, 2, "other"), moved(stick, 3, "third")
    assert read(stick, Media((third, other))) == CONTENTS


def test_what_is_absent_is_named_before_anything_is_read(stick: Path) -> None:
    moved(stick, 2, "other")
    moved(stick, 3, "other")
    with BundleReader.open(stick) as reader:
        assert reader.absent == (2, 3)
        assert reader.release().product == "shop"
        with pytest.raises(VolumeMissingError, match=r"b\.tar\.zst\.002, b\.tar\.zst\.003"):
            reader.expect_volumes()


def test_without_the_first_volume_there_is_nothing_to_open(stick: Path) -> None:
    moved(stick, 1, "other")
    for path in (stick, volume(stick, 2)):
        with pytest.raises(MissingInputError, match="first"), BundleReader.open(path):
            pass


class Person:
    """Puts in one stick after another: only one is ever there."""

    def __init__(self, stick: Path, answers: Sequence[str]) -> None:
        self.stick = stick
        self.answers = [*answers]
        self.asked: list[str] = []
        self.told: list[str] = []

    def ask(self, name: str, why: str) -> Path | None:
        self.asked.append(name)
        self.told.append(why)
        if not self.answers:
            return None
        for one in self.stick.iterdir():
            shutil.move(one, self.stick.with_name("drawer"))
        wanted = self.answers.pop(0)
        shutil.move(self.stick.with_name("drawer") / wanted, self.stick)
        return self.stick


class Willful(Person):
    """Puts in what comes to hand first, each once; then what is asked for."""

    def __init__(self, stick: Path, order: Sequence[int]) -> None:
        super().__init__(stick, [])
        self.order = [*order]
        self.given: list[int] = []

    def ask(self, name: str, why: str) -> Path | None:
        number = self.order.pop(0) if self.order else int(name[-3:])
        self.given.append(number)
        assert len(self.given) < 20, self.told
        self.answers = [f"b.tar.zst.00{number}"]
        return super().ask(name, why)


@pytest.fixture
def drive(stick: Path) -> Path:
    """One drive: the first volume is in it, the others in a drawer."""
    moved(stick, 2, "drawer")
    moved(stick, 3, "drawer")
    return stick


def test_one_stick_after_another_is_asked_for_once_each(drive: Path) -> None:
    person = Person(drive, ["b.tar.zst.002", "b.tar.zst.003"])
    with BundleReader.open(drive, Media(ask=person.ask)) as reader:
        reader.bind(reader.release())
        assert reader.verify().blobs == len(CONTENTS)
    assert person.asked == ["b.tar.zst.002", "b.tar.zst.003"]


def test_another_stick_than_the_one_asked_for_is_told_and_asked_again(drive: Path) -> None:
    person = Person(drive, ["b.tar.zst.003", "b.tar.zst.002", "b.tar.zst.003"])
    with BundleReader.open(drive, Media(ask=person.ask)) as reader:
        reader.bind(reader.release())
        reader.verify()
    assert person.asked == ["b.tar.zst.002", "b.tar.zst.002", "b.tar.zst.003"]
    assert "holds b.tar.zst.003: what is whole in it was taken" in person.told[1]
    assert "b.tar.zst.002 is still wanted" in person.told[1]


def test_a_folder_without_volumes_or_that_is_not_there_is_told(drive: Path) -> None:
    empty = drive.with_name("empty")
    empty.mkdir()
    answers = [empty, drive / "gone", Path("x" * 300), moved(drive, 1, "drawer")]
    told: list[str] = []

    def ask(name: str, why: str) -> Path | None:
        told.append(why)
        return answers.pop(0)

    shutil.move(drive.with_name("drawer") / "b.tar.zst.001", drive)
    with BundleReader.open(drive, Media(ask=ask)) as reader:
        reader.bind(reader.release())
        reader.verify()
    assert told[1].endswith("empty holds no volume of this set")
    assert told[2].endswith("gone does not exist")
    assert "File name too long" in told[3]


@pytest.mark.parametrize("order", list(permutations((2, 3, 4, 5))), ids=str)
def test_any_order_wants_each_stick_once_and_twice_where_a_blob_is_cut(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    """What is asked for is by number; the person gives what comes to hand, then what is asked."""
    product = cut_product(more=3)
    made = volumes_of(tmp_path / "stick", product=product)
    assert len(made) == 5
    for number in (2, 3, 4, 5):
        moved(tmp_path / "stick", number, "drawer")
    person = Willful(tmp_path / "stick", order)
    with BundleReader.open(tmp_path / "stick", Media(ask=person.ask)) as reader:
        reader.bind(reader.release())
        assert reader.verify().blobs == len(product.contents)
        assert all(person.given.count(number) <= 2 for number in order)
        if order == (2, 3, 4, 5):
            assert person.given == [*order]


def test_the_end_is_looked_at_when_its_stick_is_there(drive: Path) -> None:
    """Where no blob is cut the last stick is wanted once, also when it came early."""
    person = Willful(drive, (3, 2))
    with reading(drive.with_name("drawer") / "b.tar.zst.003") as file:
        cut = any(part.offset == 0 for part in read_volume(file).parts)
    with BundleReader.open(drive, Media(ask=person.ask)) as reader:
        reader.bind(reader.release())
        reader.verify()
    assert person.given == ([3, 2, 3] if cut else [3, 2])


def test_joining_takes_them_in_any_order(drive: Path, tmp_path: Path) -> None:
    person = Willful(drive, (3, 2))
    splitting.join(drive, tmp_path / "joined.tar.zst", media=Media(ask=person.ask))
    assert person.given == [3, 2]
    assert (tmp_path / "joined.tar.zst").read_bytes() == (tmp_path / "b.tar.zst").read_bytes()


def test_a_trailer_that_puts_a_blob_elsewhere_is_found_out(drive: Path) -> None:
    """Where compressed blobs begin is first known by the trailer of a stick that came early."""
    path = drive.with_name("drawer") / "b.tar.zst.003"
    with reading(path) as file:
        volume = read_volume(file)
    part = structs.replace(volume.parts[0], length=volume.parts[0].length - 1)
    wrong = structs.replace(volume, parts=(part, *volume.parts[1:]))
    path.write_bytes(path.read_bytes()[: volume.length] + volumes.encode(wrong))
    person = Willful(drive, (3, 2))
    with BundleReader.open(drive, Media(ask=person.ask)) as reader:
        reader.bind(reader.release())
        with pytest.raises(BundleMismatchError, match=r"b\.tar\.zst\.003"):
            reader.verify()


def test_what_a_folder_holds_instead_is_named(stick: Path, tmp_path: Path) -> None:
    moved(stick, 1, "other")
    with pytest.raises(MissingInputError, match=r"but b\.tar\.zst\.002, b\.tar\.zst\.003$"):
        splitting.join(stick, tmp_path / "joined")
    with pytest.raises(MissingInputError, match=r"\(….001\), but b\.tar\.zst$"):
        splitting.join(tmp_path, tmp_path / "joined")
    with pytest.raises(MissingInputError, match="gone is not a folder"):
        splitting.join(tmp_path / "other", tmp_path / "joined", media=Media((tmp_path / "gone",)))
    with pytest.raises(TruncatedError) as caught:
        volume_check.check(tmp_path / "b.tar.zst")
    assert "without --alone" in (caught.value.hint or "")


def test_volumes_that_cat_put_together_or_under_another_name_are_told(
    stick: Path, tmp_path: Path
) -> None:
    whole = tmp_path / "cat.tar.zst"
    for pieces in ([1, 2, 3], [2]):
        whole.write_bytes(b"".join(volume(stick, n).read_bytes() for n in pieces))
        with pytest.raises(BundleMismatchError, match="ends as volumes do") as caught:
            read_everything(whole)
        assert "airferry-bundler join" in (caught.value.hint or "")


def test_whoever_gives_up_is_told_what_is_missing(drive: Path) -> None:
    person = Person(drive, [])
    with BundleReader.open(drive, Media(ask=person.ask)) as reader:
        reader.bind(reader.release())
        with pytest.raises(VolumeMissingError, match=r"b\.tar\.zst\.002"):
            reader.verify()


def test_joining_asks_for_each_stick_once(drive: Path, tmp_path: Path) -> None:
    person = Person(drive, ["b.tar.zst.002", "b.tar.zst.003"])
    splitting.join(drive, tmp_path / "joined.tar.zst", media=Media(ask=person.ask))
    assert (tmp_path / "joined.tar.zst").read_bytes() == (tmp_path / "b.tar.zst").read_bytes()


# --- what does not belong together ----------------------------------------------------------------


def test_a_volume_of_another_bundle_is_refused(stick: Path, tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    carried = sorted(CONTENTS, key=lambda one: len(CONTENTS[one]))[1:]
    volumes_of(tmp_path / "two" / "stick", carried=carried)
    shutil.copy(volume(tmp_path / "two" / "stick", 2), stick)
    with pytest.raises(BundleMismatchError, match="of the set"), BundleReader.open(stick):
        pass


def test_renamed_volumes_are_refused(stick: Path) -> None:
    volume(stick, 2).rename(stick / "x")
    volume(stick, 3).rename(volume(stick, 2))
    (stick / "x").rename(volume(stick, 3))
    with pytest.raises(BundleMismatchError, match="expected volume 2"), BundleReader.open(stick):
        pass
    volume(stick, 2).rename(volume(stick, 1))
    with pytest.raises(BundleMismatchError, match="not the first"), BundleReader.open(stick):
        pass


def test_a_cut_volume_is_told(stick: Path) -> None:
    os.truncate(volume(stick, 2), 5000)
    with pytest.raises(TruncatedError, match="trailer is missing"), BundleReader.open(stick):
        pass
    with pytest.raises(TruncatedError):
        volume_check.check(volume(stick, 2))


def test_two_sets_in_one_folder_are_told_apart_by_name(stick: Path) -> None:
    shutil.copy(volume(stick, 1), stick / "c.tar.zst.001")
    with pytest.raises(InputError, match="several sets"), BundleReader.open(stick):
        pass


def test_damage_is_named_with_the_volume_that_has_it(stick: Path) -> None:
    with volume(stick, 2).open("r+b") as file:
        file.seek(8500)
        byte = file.read(1)
        file.seek(8500)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(BundleMismatchError, match=r"b\.tar\.zst\.002"):
        read_everything(stick)


def test_a_stick_pulled_out_is_a_media_error_and_the_same_call_goes_on_later(stick: Path) -> None:
    real = os.preadv
    pulled = volume(stick, 2).stat().st_ino

    def gone(handle: int, views: list[memoryview], offset: int) -> int:
        if os.fstat(handle).st_ino == pulled:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(handle, views, offset)

    with mock.patch.object(os, "preadv", gone), pytest.raises(MediaError, match="pulled out") as e:
        _raise_hint(stick)
    assert "b.tar.zst.002" in e.value.message
    assert read_everything(stick) == CONTENTS


@pytest.mark.parametrize("number", [1, 2, 3])
def test_of_a_blob_that_is_cut_the_damaged_volume_is_named_alone(stick: Path, number: int) -> None:
    with reading(volume(stick, number)) as file:
        said = read_volume(file)
    part = said.parts[-1]
    with volume(stick, number).open("r+b") as damaged:
        damaged.seek(part.offset + part.length - 100)
        damaged.write(b"?")
    with pytest.raises(BundleMismatchError, match=rf"\(damaged: b\.tar\.zst\.00{number}\)") as e:
        read_everything(stick)
    assert f"--size {said.cut} --only {number}" in (e.value.hint or "")


def _raise_hint(stick: Path) -> None:
    try:
        read_everything(stick)
    except MediaError as error:
        raise MediaError(f"{error.message} {error.hint}", error.hint) from error
