"""Writes a bundle: blobs from several threads, each straight into its place in the final file.

The file is `PATH.partial` until it is complete. No byte is written twice and nothing is temporary.
The first frame is written last, as the mark of completion, so that a partial file that somebody
renames is told from a bundle at once. Killed at any moment, the same call goes on: what the journal
names is read and hashed again, and only what does not hold is still `missing`. Inside a big blob it
goes on behind the last whole frame.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock

from airferry_archive import carriage as carriages
from airferry_archive import compression, content, frames
from airferry_archive import release as releases
from airferry_archive.carriage import Carriage
from airferry_archive.header import CARRIAGE, RELEASE, Header
from airferry_archive.journal import Journal, journal_path, partial_path
from airferry_archive.layout import END, Coding, Layout, Member, arrange_with
from airferry_archive.release import Blob, Release
from airferry_archive.sinks import BlobSink
from airferry_foundation import documents, files
from airferry_foundation.errors import (
    BundleMismatchError,
    InternalError,
    MissingInputError,
    RegistryMismatchError,
    TruncatedError,
)
from airferry_foundation.positioned import WritableFile, writing
from airferry_foundation.progress import SILENT, Progress, Task


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written, before the frames of compressed members are known."""

    header: Header
    release: Release
    carriage: Carriage

    @classmethod
    def of(cls, header: Header) -> Draft:
        """Decode a header's own documents."""
        return cls(
            header,
            documents.decode(header.release, Release, name=RELEASE, cap=releases.MAX_BYTES),
            documents.decode(header.carriage, Carriage, name=CARRIAGE, cap=carriages.MAX_BYTES),
        )

    def layout(self, frames: Mapping[str, str]) -> Layout:
        """The layout; `frames` by blob. Where some are not known yet, all offsets are right."""
        return arrange_with(self.header, self.release, self.carriage, frames)


class BundleWriter:
    """An open partial bundle. `receive` may be used by several threads at once."""

    def __init__(self, path: Path, file: WritableFile, journal: Journal, draft: Draft) -> None:
        self.path = path
        self.layout = draft.layout({})
        self._draft = draft
        self._file = file
        self._journal = journal
        self._lock = Lock()
        self._done: set[str] = set()
        self._frames: dict[str, str] = {}
        self._receiving: set[str] = set()
        self._fronts = dict(journal.fronts)
        self._compressed_end = self.layout.compressed_start

    @classmethod
    @contextmanager
    def open(
        cls, path: Path, header: Header, *, progress: Progress = SILENT
    ) -> Iterator[BundleWriter]:
        """Begin the bundle at `path`, or go on with it where an earlier call stopped.

        Raises DocumentError or BundleMismatchError for a header that does not fit together,
        MediaFullError where it can't fit, StateBusyError while another process writes it.
        """
        draft = Draft.of(header)
        layout = draft.layout({})
        if not path.parent.is_dir():
            raise MissingInputError(f"{path.parent} does not exist", "Make the folder first.")
        with ExitStack() as stack:
            stack.enter_context(files.exclusive(journal_path(path), what=str(path)))
            journal = Journal(stack.enter_context(writing(journal_path(path))), layout.arrangement)
            file = stack.enter_context(writing(partial_path(path)))
            if not journal.fits:
                file.cut(0)
            file.expect_room(layout.compressed_start + len(END))
            writer = cls(path, file, journal, draft)
            writer._find_again(progress)
            yield writer

    def missing(self) -> tuple[Blob, ...]:
        """The blobs that are still to be received, in the order of the file: raw, compressed."""
        return self.missing_raw() + self.missing_compressed()

    def missing_raw(self) -> tuple[Blob, ...]:
        """Those that may be received several at once, in any order."""
        return self._missing(self.layout.raw)

    def missing_compressed(self) -> tuple[Blob, ...]:
        """Those that must be received one at a time, in this order."""
        return self._missing(self.layout.compressed)

    @contextmanager
    def receive(self, blob: Blob) -> Iterator[BlobSink]:
        """Receive one blob: `with writer.receive(blob) as sink: sink.write(…)`.

        What is written begins at byte `sink.taken` of the blob, which is not 0 where an earlier
        call was killed inside a big one. BundleMismatchError at the end if size or digest differ.
        The blob stays missing when the body raises; received again, it begins anew.
        """
        member = self._claim(blob)
        try:
            sink = self._sink(member)
            yield sink
            self._take(member, *sink.finish())
            self._journal.add(blob.digest)
        except (BundleMismatchError, RegistryMismatchError):
            self._journal.reach(blob.digest, 0)  # or the next call would begin with the same bytes
            raise
        finally:
            with self._lock:
                self._receiving.discard(blob.digest)

    def finish(self) -> None:
        """Write the rest and name the file; BundleMismatchError while blobs are missing."""
        if missing := self.missing():
            raise BundleMismatchError(
                f"{self.path}: {len(missing)} blobs were not received, the first of them "
                f"{missing[0].digest}"
            )
        layout = self._draft.layout(self._frames)
        first = layout.first_frame
        self._file.write([layout.header_rest()], len(first))
        self._file.cut(self._file.write([END], self._compressed_end))
        self._file.sync()
        self._file.write([first], 0)
        self._file.sync()
        files.finish_partial(partial_path(self.path), self.path)
        files.remove(journal_path(self.path))

    def _missing(self, members: tuple[Member, ...]) -> tuple[Blob, ...]:
        return tuple(m.blob for m in members if m.blob.digest not in self._done)

    def _claim(self, blob: Blob) -> Member:
        member = self.layout.members[blob.digest]
        with self._lock:
            if blob.digest in self._done | self._receiving:
                raise InternalError(f"blob {blob.digest} is received twice")
            if member.coding is Coding.COMPRESSED and self.missing_compressed()[0] != member.blob:
                raise InternalError(f"blob {blob.digest} is received before its turn")
            self._receiving.add(blob.digest)
        return member

    def _sink(self, member: Member) -> BlobSink:
        """A sink behind what an earlier call wrote, if that can be so; tried once."""
        name, offset = member.blob.digest, self._offset(member)
        raw = member.offset is not None
        note = partial(self._journal.reach, name) if raw else None
        sink = BlobSink(self._file, member, offset, note)
        held = self._fronts.pop(name, 0)
        if raw and 0 < held * frames.FRAME < member.length:
            try:
                sink.begin(held)
            except (BundleMismatchError, TruncatedError):
                sink = BlobSink(self._file, member, offset, note)
            else:
                return sink
        sink.begin()
        return sink

    def _offset(self, member: Member) -> int:
        return self._compressed_end if member.offset is None else member.offset

    def _take(self, member: Member, end: int, frames: str | None) -> None:
        with self._lock:
            if frames is not None:
                self._compressed_end, self._frames[member.blob.digest] = end, frames
            self._done.add(member.blob.digest)

    # --- going on -----------------------------------------------------------------------------

    def _find_again(self, progress: Progress) -> None:
        """Take over each blob that the journal names and whose bytes hold."""
        named = [m for m in self.layout.members.values() if m.blob.digest in self._journal.done]
        if not named:
            return
        title = f"Checking what {partial_path(self.path).name} holds"
        task = progress.start(title, sum(m.blob.size for m in named))
        raw = [m for m in named if m.offset is not None]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            held = pool.map(lambda m: self._holds(m, task), raw)
            self._done.update(m.blob.digest for m, ok in zip(raw, held, strict=True) if ok)
        for member in self.layout.compressed:
            if member.blob.digest not in self._journal.done or not self._holds(member, task):
                break
            start = self._compressed_end
            end = compression.end_of(self._file, start, member.length, member.name)
            self._take(member, end, content.digest_between(self._file, start, end))
        task.finish()

    def _holds(self, member: Member, task: Task) -> bool:
        anyhow = replace(member, frames=None)  # the layout does not know its frames yet
        try:
            for chunk in content.stream(self._file, anyhow, self._offset(member)):
                task.advance(len(chunk))
        except (BundleMismatchError, TruncatedError):
            return False
        return True
