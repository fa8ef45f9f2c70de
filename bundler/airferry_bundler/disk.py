"""Content that is on this machine's disks already: asked before any registry (`build --from`).

An earlier bundle (or its volumes), an OCI layout, a tar of `docker save`, or a folder: of files
that are blobs, whatever they are called, and of all the others. Nothing of it is trusted: whoever
takes a blob hashes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from airferry_archive.reader import BundleReader
from airferry_archive.release import Blob
from airferry_bundler.stores import ArchiveStore, LayoutStore
from airferry_foundation import files
from airferry_foundation.digests import digest as digest_bytes
from airferry_foundation.errors import (
    AirferryError,
    InputError,
    MissingInputError,
    RegistryMismatchError,
)
from airferry_foundation.progress import SILENT, Task
from airferry_registry.image_layouts import OciLayout
from airferry_registry.streams import BUFFER, Taker

_ZSTD = b"\x28\xb5\x2f\xfd"
_TAR_MARK = 257, b"ustar"  # offset in a tar header


class DiskSource(Protocol):
    """One thing that was named."""

    def give(self, blob: Blob, taker: Taker, task: Task) -> bool:
        """Give a blob's bytes from where `taker` is on; False, with nothing given, if not there."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Everything that was named, in that order."""

    sources: tuple[tuple[Path, DiskSource], ...] = ()

    def give(self, blob: Blob, taker: Taker, task: Task) -> bool:
        """Whether any of them had the blob; RegistryMismatchError, naming it, if it is damaged."""
        for path, source in self.sources:
            try:
                if source.give(blob, taker, task):
                    return True
            except AirferryError as error:
                raise RegistryMismatchError(
                    f"{path} can't give blob {blob.digest}: {error.message}",
                    f"Leave out `--from {path}`, or make it anew.",
                ) from None
        return False

    def read(self, blob: Blob) -> bytes | None:
        """A small blob, verified; None if none of them has it."""
        taker = _Memory()
        if not self.give(blob, taker, SILENT.start("")):
            return None
        if taker.digest != blob.digest:
            raise RegistryMismatchError(f"other bytes than those of blob {blob.digest} came")
        return bytes(taker.data)


class _Memory:
    """A taker of small blobs."""

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def taken(self) -> int:
        return len(self.data)

    @property
    def digest(self) -> str:
        return digest_bytes(bytes(self.data))

    def write(self, data: memoryview, /) -> None:
        self.data += data


NOTHING = Disk()


@contextmanager
def opened(paths: Sequence[Path], wanted: Iterable[Blob]) -> Iterator[Disk]:
    """Open what was named; `wanted` are the blobs that may be asked for.

    Raises InputError or MissingInputError for what is none of these.
    """
    blobs = tuple(wanted)
    with ExitStack() as stack:
        found: list[tuple[Path, DiskSource]] = []
        for path in paths:
            found += _sources(path, blobs, stack)
        yield Disk(tuple(found))


def _sources(
    path: Path, wanted: tuple[Blob, ...], stack: ExitStack
) -> Iterator[tuple[Path, DiskSource]]:
    if not path.exists():
        raise MissingInputError(f"{path} does not exist")
    if path.is_dir():
        if (path / "index.json").is_file() and (path / "blobs").is_dir():
            yield path, _Layout(LayoutStore(OciLayout(path)))
            return
        inside = sorted(one for one in path.rglob("*") if one.is_file() and not one.is_symlink())
        yield path, _Files.of(inside, wanted)
        for one in inside:
            if _kind(one) is not None:
                yield from _sources(one, wanted, stack)
        return
    kind = _kind(path)
    if kind == "bundle":
        reader = stack.enter_context(BundleReader.open(path))
        reader.bind(reader.release())
        yield path, _Bundle(reader)
    elif kind == "archive":
        yield path, _Archive(ArchiveStore.open(path))
    else:
        raise InputError(
            f"{path} is no bundle and no tar of `docker save`",
            "--from takes those, an OCI layout (unpacked), or a folder with any of them.",
        )


def _kind(path: Path) -> str | None:
    """What a file is, by its first bytes; None for any other, such as a blob or a later volume."""
    with files.media_errors(path), path.open("rb") as file:
        head = file.read(512)
    if head[:4] == _ZSTD and b"release.json" in head:
        return "bundle"
    at, mark = _TAR_MARK
    if head[at : at + len(mark)] == mark and _holds_images(path):
        return "archive"
    return None


def _holds_images(path: Path) -> bool:
    """Whether a tar is one of `docker save`: a layer is a tar, too."""
    try:
        ArchiveStore.open(path).archive.names()
    except InputError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Bundle:
    reader: BundleReader

    def give(self, blob: Blob, taker: Taker, task: Task) -> bool:
        if not self.reader.carries(blob.digest):
            return False
        skip = taker.taken
        for chunk in self.reader.stream(blob.digest):
            rest = chunk[skip:]
            skip -= min(skip, len(chunk))
            if rest:
                taker.write(rest)
                task.advance(len(rest))
        return True


@dataclass(frozen=True, slots=True)
class _Layout:
    store: LayoutStore

    def give(self, blob: Blob, taker: Taker, task: Task) -> bool:
        if not self.store.layout.has(blob.digest):
            return False
        self.store.copy(blob, taker, task)
        return True


@dataclass(frozen=True, slots=True)
class _Archive:
    store: ArchiveStore

    def give(self, blob: Blob, taker: Taker, task: Task) -> bool:
        try:
            self.store.copy(blob, taker, task)
        except MissingInputError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class _Files:
    """Files by their content: only those as long as a wanted blob were read for it."""

    paths: dict[str, Path] = field(default_factory=dict)

    @classmethod
    def of(cls, inside: Iterable[Path], wanted: Iterable[Blob]) -> _Files:
        sizes = {blob.size for blob in wanted}
        fitting = (one for one in inside if one.stat().st_size in sizes)
        return cls({_digest_of(one): one for one in fitting})

    def give(self, blob: Blob, taker: Taker, task: Task) -> bool:
        path = self.paths.get(blob.digest)
        if path is None:
            return False
        left = blob.size - taker.taken
        buffer = memoryview(bytearray(BUFFER))
        with files.media_errors(path), path.open("rb", buffering=0) as file:
            file.seek(taker.taken)
            while count := file.readinto(buffer[: max(left, 0)]):
                left -= count
                taker.write(buffer[:count])
                task.advance(count)
        if left or taker.digest != blob.digest:
            raise RegistryMismatchError(f"{path} was changed meanwhile")
        return True


def _digest_of(path: Path) -> str:
    hasher = hashlib.sha256()
    buffer = memoryview(bytearray(BUFFER))
    with files.media_errors(path), path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            hasher.update(buffer[:count])
    return "sha256:" + hasher.hexdigest()
