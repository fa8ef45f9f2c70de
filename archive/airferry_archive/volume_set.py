"""Opens volumes as the one file that they are pieces of, on one medium or on several.

The first volume must be at hand, the others may come: what is not in a folder that was named is
asked for by number when its bytes are wanted. Another one of the set is as welcome where somebody
takes what is in them `as_they_come`. Each must be of the same set and fit its neighbours. Nothing
is written.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import TypeVar

from airferry_archive import volumes
from airferry_archive.content import digest_between
from airferry_archive.header import Header
from airferry_archive.volumes import AGAIN, FOOTER, Volume
from airferry_foundation import files
from airferry_foundation.errors import (
    BundleMismatchError,
    InputError,
    MediaError,
    MissingInputError,
    TruncatedError,
    VolumeMissingError,
)
from airferry_foundation.positioned import PositionedFile, reading

T = TypeVar("T")

_LISTED = 5
_UNKNOWN = 1 << 60
"""The size of a set whose last volume was not seen yet."""

Ask = Callable[[str, str], Path | None]
"""Given a volume's file name and why it is wanted: the folder where it is now, None to give up."""


@dataclass(frozen=True, slots=True)
class Media:
    """Where volumes may be besides the folder of the first one, and whom to ask for the next."""

    folders: tuple[Path, ...] = ()
    ask: Ask | None = None


HERE = Media()


@contextmanager
def opened(path: Path, media: Media = HERE) -> Iterator[PositionedFile]:
    """A bundle for reading: a file, any of its volumes, or the folder with its first one."""
    first = first_volume(path)
    with ExitStack() as stack:
        if first is None:
            file = stack.enter_context(reading(path))
            _expect_whole(file)
            yield file
        else:
            yield VolumeSet.open(first, media, stack)


def first_volume(path: Path) -> Path | None:
    """The first volume of what `path` names; None for a bundle in one file.

    MissingInputError or InputError for a folder without, or with several.
    """
    if path.is_dir():
        return _first_in(path)
    named = volumes.bundle_name(path.name)
    if named is None:
        return None
    first = path.with_name(volumes.name_of(named[0], 1))
    if not first.exists():
        raise MissingInputError(
            f"{first} does not exist: a set of volumes is opened by its first one",
            "Put the medium with volume 1 in, and name that volume.",
        )
    return first


def read_volume(file: PositionedFile) -> Volume:
    """What the trailer of a volume says, if its size fits; TruncatedError, BundleMismatchError."""
    size = file.size
    length = volumes.trailer_length(file.read_some(max(0, size - FOOTER), FOOTER))
    if length is None or length > size:
        named = volumes.bundle_name(file.path.name) is not None
        raise TruncatedError(
            f"{file.path} is no whole volume: its trailer is missing",
            f"The copy was cut, or it is another file. {AGAIN}"
            if named
            else "It does not have a volume's name: a whole bundle is checked without --alone.",
        )
    volume = volumes.decode(file.read(size - length, length), str(file.path))
    if volume.length + length != size:
        raise BundleMismatchError(
            f"{file.path} has {size:,} bytes, expected {volume.length + length:,}", AGAIN
        )
    return volume


def _expect_whole(file: PositionedFile) -> None:
    """BundleMismatchError for a volume under another name, and for what `cat` makes of a set."""
    footer = file.read_some(max(0, file.size - FOOTER), FOOTER)
    if volumes.trailer_length(footer) is not None:
        raise BundleMismatchError(
            f"{file.path} ends as volumes do: it is one under another name, or several that were "
            "put together with cat",
            "Give the volumes by the names that they had (.001 and so on); or put those together "
            "with airferry-bundler join.",
        )


def _first_in(folder: Path) -> Path:
    with files.media_errors(folder):
        found = sorted(folder.glob("*.001"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.name for one in found)
        raise InputError(f"{folder} holds several sets of volumes: {names}", "Name one of them.")
    with files.media_errors(folder):
        inside = sorted(one.name for one in folder.iterdir())
    others = [one for one in inside if volumes.bundle_name(one) or one.endswith(".tar.zst")]
    raise MissingInputError(
        f"{folder} holds no first volume (….001)"
        + (f", but {', '.join(others[:_LISTED])}" if others else ""),
        "Name a bundle, or put in the medium with volume 1 and name its folder.",
    )


@dataclass(slots=True)
class _Shelf:
    """What is known of a set; changes while it is read, under `lock`."""

    name: str
    media: Media
    stack: ExitStack
    first: Volume
    folders: list[Path]
    seen: dict[int, Volume] = field(default_factory=dict)
    open: dict[int, PositionedFile] = field(default_factory=dict)
    paths: dict[int, Path] = field(default_factory=dict)
    closers: dict[int, ExitStack] = field(default_factory=dict)
    on_another: Callable[[], bool] | None = None
    lock: RLock = field(default_factory=RLock)


@dataclass(frozen=True, slots=True)
class VolumeSet(PositionedFile):
    """The volumes of one bundle as one file; `path` is the first one."""

    shelf: _Shelf

    @classmethod
    def open(cls, first: Path, media: Media, stack: ExitStack) -> VolumeSet:
        """Open the first volume, and look for the others; `stack` closes them."""
        with reading(first) as file:
            volume = read_volume(file)
        named = volumes.bundle_name(first.name)
        name = named[0] if named else first.name
        if volume.index != 1 or volume.start != 0:
            raise BundleMismatchError(
                f"{first} is volume {volume.index} of its set, not the first one",
                "Volumes were renamed: give each the number that it had.",
            )
        if strange := [one for one in media.folders if not one.is_dir()]:
            raise MissingInputError(f"{strange[0]} is not a folder", "Name folders of volumes.")
        shelf = _Shelf(name, media, stack, volume, [first.parent, *media.folders])
        made = cls(first, -1, shelf)
        for index in range(1, volume.count + 1):
            made._find(index)
        stack.callback(made._close_all)
        return made

    def expect_set(self, header: Header) -> None:
        """BundleMismatchError unless the set is of the bundle that has this header."""
        first = self.shelf.first
        expected = volumes.set_id(header.release, header.carriage, first.cut)
        if first.set != expected:
            raise BundleMismatchError(
                f"{self.path} says that it is of the set {first.set}, but its header makes "
                f"{expected}",
                AGAIN,
            )

    def expect_reachable(self) -> None:
        """VolumeMissingError if volumes are absent and nobody can be asked for them."""
        if self.absent and self.shelf.media.ask is None:
            raise missing(self.path, self.shelf.name, self.absent, self.shelf.first.count)

    @property
    def absent_names(self) -> tuple[str, ...]:
        """The file names of the volumes that are not at hand."""
        return tuple(volumes.name_of(self.shelf.name, one) for one in self.absent)

    def blamed(self, blob: str, error: BundleMismatchError) -> BundleMismatchError:
        """The error about a blob, naming the volumes that may be damaged and how to get them anew.

        A part of a cut blob that is at hand is held to its trailer: then it is often one alone.
        """
        shelf = self.shelf
        holders = [
            index
            for index, volume in sorted(shelf.seen.items())
            if blob in volume.blobs or any(part.blob == blob for part in volume.parts)
        ]
        sound = [one for one in holders if self._part_holds(one, blob)]
        bad = [one for one in holders if self._part_holds(one, blob) is False]
        named = bad or [one for one in holders if one not in sound] or holders
        names = ", ".join(volumes.name_of(shelf.name, one) for one in named)
        only = " ".join(f"--only {one}" for one in named)
        return BundleMismatchError(
            f"{error.message} (damaged: {names})",
            f"Nothing of it was used. Copy {names} again; if that does not help, the vendor makes "
            f"it anew: airferry-bundler split … --size {shelf.first.cut} {only}",
        )

    def _part_holds(self, index: int, blob: str) -> bool | None:
        """Whether the part of a cut blob in a volume is what its trailer says; None if unknown."""
        volume, file = self.shelf.seen[index], self.shelf.open.get(index)
        parts = [part for part in volume.parts if part.blob == blob]
        if file is None or not parts:
            return None
        ends = ((part, part.offset + part.length) for part in parts)
        return all(digest_between(file, part.offset, end) == part.digest for part, end in ends)

    def as_they_come(
        self, wanted: Iterable[T], ready: Callable[[], Container[T]], act: Callable[[T], None]
    ) -> None:
        """Do something once with each that is wanted: those that are ready, then the next in turn.

        `ready` says what the volumes at hand allow. The next one may ask for a volume in `act`;
        whichever of the set comes then, what it allows is done at once.
        """
        left = dict.fromkeys(wanted)

        def take() -> bool:
            allowed = ready()
            found = [one for one in left if one in allowed]
            for one in found:
                act(one)
                left.pop(one, None)
            return bool(found)

        self.shelf.on_another = take
        while left:
            take()
            following = next(iter(left), None)
            if following is not None:
                del left[following]
                act(following)
        self.shelf.on_another = None

    def each(self, act: Callable[[Volume], None]) -> None:
        """Do something once with each volume while it is at hand: in whatever order they come."""
        shelf = self.shelf

        def reach(index: int) -> None:
            with shelf.lock:
                self._obtain(index)
            act(shelf.seen[index])

        self.as_they_come(range(1, shelf.first.count + 1), lambda: shelf.open, reach)

    @property
    def whole(self) -> frozenset[str]:
        """The blobs that are whole in a volume at hand, by what the trailers say."""
        shelf = self.shelf
        return frozenset(one for index in list(shelf.open) for one in shelf.seen[index].blobs)

    @property
    def starts(self) -> dict[str, int]:
        """By what the trailers of the volumes seen say: where the first whole blob of each begins.

        Of the first volume, where the header is, they don't say it.
        """
        found = (volume for index, volume in self.shelf.seen.items() if index > 1 and volume.blobs)
        return {one.blobs[0]: one.start + volumes.front_length(one) for one in list(found)}

    @property
    def ends_here(self) -> bool:
        """Whether the volume with the bundle's end is at hand."""
        return self.shelf.first.count in self.shelf.open

    @property
    def absent(self) -> tuple[int, ...]:
        """The numbers of the volumes that are not at hand."""
        shelf = self.shelf
        return tuple(one for one in range(1, shelf.first.count + 1) if one not in shelf.open)

    @property
    def at_hand(self) -> bool:
        """Whether every volume is."""
        return not self.absent

    @property
    def size(self) -> int:
        """Bytes of the bundle; more than any has while the last volume was not seen."""
        last = self.shelf.seen.get(self.shelf.first.count)
        return last.end if last else _UNKNOWN

    def at(self, offset: int) -> tuple[Path, int]:
        """The volume that holds a byte, and where in it, as far as it was seen."""
        for index, volume in self.shelf.seen.items():
            if volume.start <= offset < volume.end:
                return self.shelf.paths[index], offset - volume.start
        return self.path, offset

    def read_some(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`, less only at the end of the bundle."""
        return self.read_ahead(offset, length, length)

    def read_ahead(self, offset: int, least: int, most: int) -> bytes:
        """At least `least` bytes from `offset`, and more only of volumes that are at hand."""
        data = b""
        while len(data) < max(least, most) and offset + len(data) < self.size:
            if len(data) >= least and not self._is_at_hand(offset + len(data)):
                break
            file, volume = self._holding(offset + len(data))
            start = offset + len(data) - volume.start
            data += file.read(start, min(max(least, most) - len(data), volume.length - start))
        return data

    def read_into(self, views: Sequence[memoryview], offset: int) -> None:
        """Fill the views, one after the other, with the bytes from `offset`."""
        left = [view for view in views if len(view)]
        while left:
            if offset >= self.size:
                raise self.ends_early(offset + sum(map(len, left)))
            file, volume = self._holding(offset)
            ours, left = _split(left, volume.end - offset)
            file.read_into(ours, offset - volume.start)
            offset += sum(map(len, ours))

    def expect(self, offset: int, length: int) -> None:
        """Let the medium begin to read these bytes, as far as it is at hand."""
        shelf = self.shelf
        with shelf.lock:
            for index, volume in shelf.seen.items():
                if volume.start <= offset < volume.end and index in shelf.open:
                    start = offset - volume.start
                    shelf.open[index].expect(start, min(length, volume.length - start))

    def _is_at_hand(self, offset: int) -> bool:
        shelf = self.shelf
        return any(v.start <= offset < v.end for i, v in shelf.seen.items() if i in shelf.open)

    # --- which volume -----------------------------------------------------------------------------

    def _holding(self, offset: int) -> tuple[PositionedFile, Volume]:
        """The open volume that holds a byte; asked for if it is not at hand."""
        shelf = self.shelf
        with shelf.lock:
            while True:
                before = max(i for i, v in shelf.seen.items() if v.start <= offset)
                index = before if offset < shelf.seen[before].end else before + 1
                if index not in shelf.open:
                    self._obtain(index)
                volume = shelf.seen[index]
                if volume.start <= offset < volume.end:
                    return shelf.open[index], volume

    def _obtain(self, index: int) -> None:
        if index in self.shelf.open or self._find(index):
            return
        shelf, name = self.shelf, volumes.name_of(self.shelf.name, index)
        why = ""
        while shelf.media.ask is not None:
            self._close_all()  # whoever changes media must be able to take the old one out
            given = shelf.media.ask(name, why)
            if given is None:
                break
            try:
                folder = _folder(given)
                shelf.folders = [folder, *(one for one in shelf.folders if one != folder)]
                if self._find(index):
                    return
                why = self._take_others(folder, name)
            except (BundleMismatchError, MediaError, InputError) as error:
                why = error.message
        raise missing(self.path, shelf.name, (index, *self.absent), shelf.first.count)

    def _take_others(self, folder: Path, wanted: str) -> str:
        """Use what a folder holds of the set instead of the volume that is wanted; what it was."""
        shelf = self.shelf
        with files.media_errors(folder):
            named = [(one, volumes.bundle_name(one.name)) for one in sorted(folder.iterdir())]
        others = {name[1]: path for path, name in named if name and name[0] == shelf.name}
        for index, path in others.items():
            if index <= shelf.first.count and index not in shelf.open:
                self._take(index, path)
        if not others:
            return f"{folder} holds no volume of this set"
        names = ", ".join(path.name for path in others.values())
        if shelf.on_another is None:
            return f"{folder} holds {names}, but {wanted} comes before that"
        what = (
            "what is whole in it was taken" if shelf.on_another() else "nothing new is whole in it"
        )
        return f"{folder} holds {names}: {what}; {wanted} is still wanted"

    def _find(self, index: int) -> bool:
        """Open a volume if it is in one of the folders; the errors of one that does not belong."""
        name = volumes.name_of(self.shelf.name, index)
        for folder in self.shelf.folders:
            with files.media_errors(folder):
                there = (folder / name).exists()
            if there:
                self._take(index, folder / name)
                return True
        return False

    def _take(self, index: int, path: Path) -> None:
        shelf, closer = self.shelf, ExitStack()
        file = closer.enter_context(reading(path))
        try:
            volume = read_volume(file)
            self._expect_fit(index, volume, path)
        except BaseException:
            closer.close()
            raise
        shelf.seen[index], shelf.paths[index] = volume, path
        shelf.open[index], shelf.closers[index] = file, closer

    def _expect_fit(self, index: int, volume: Volume, path: Path) -> None:
        shelf = self.shelf
        shared = (shelf.first.set, shelf.first.cut, shelf.first.count, index)
        if (volume.set, volume.cut, volume.count, volume.index) != shared:
            raise BundleMismatchError(
                f"{path} is volume {volume.index} of {volume.count} of the set {volume.set}, "
                f"expected volume {index} of {shelf.first.count} of {shelf.first.set}",
                "It is of another bundle or of another split: get all volumes from one split.",
            )
        before, behind = shelf.seen.get(index - 1), shelf.seen.get(index + 1)
        known = shelf.seen.get(index, volume)
        fits = (before is None or before.end == volume.start) and (
            behind is None or behind.start == volume.end
        )
        if not fits or known != volume:
            raise BundleMismatchError(
                f"{path} does not go on where volume {index - 1} ends",
                f"Get all volumes from one split. {AGAIN}",
            )

    def _close_all(self) -> None:
        for closer in self.shelf.closers.values():
            closer.close()
        self.shelf.closers.clear()
        self.shelf.open.clear()


def _folder(given: Path) -> Path:
    """The folder that a person means, who may have named a file in it; MissingInputError."""
    with files.media_errors(given):
        if not given.exists():
            raise MissingInputError(f"{given} does not exist")
        return given if given.is_dir() else given.parent


def missing(first: Path, name: str, absent: Sequence[int], count: int) -> VolumeMissingError:
    """The error that names the volumes that are not at hand."""
    named = ", ".join(volumes.name_of(name, one) for one in sorted(set(absent)))
    return VolumeMissingError(
        f"of the {count} volumes that begin with {first}, these are not at hand: {named}",
        "Put them into one folder, name their folders with --volumes, or run this at a terminal: "
        "there each one is asked for.",
    )


def _split(views: Sequence[memoryview], length: int) -> tuple[list[memoryview], list[memoryview]]:
    """The views of the first `length` bytes, and the rest."""
    ours: list[memoryview] = []
    rest = list(views)
    while rest and length > 0:
        view = rest.pop(0)
        ours.append(view[:length])
        if len(view) > length:
            rest.insert(0, view[length:])
        length -= len(ours[-1])
    return ours, rest
