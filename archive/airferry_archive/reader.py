"""Opens a bundle, gives out its blobs verified, and accounts for every byte of it.

Order of use: `open` checks the form of the header and trusts nothing; whoever admits judges
`header`; `bind` compares the header with the release that was admitted and fixes what must stand
where; only then are there blobs. What was verified is what is handed out: both come from one read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from threading import Event, Lock

from airferry_archive import carriage as carriages
from airferry_archive import compression, content
from airferry_archive import release as releases
from airferry_archive.carriage import Carriage
from airferry_archive.header import CARRIAGE, RELEASE, Header
from airferry_archive.header_form import HeaderForm, read_header
from airferry_archive.layout import END, Layout, Member, arrange
from airferry_archive.mismatch import mismatch
from airferry_archive.release import Release
from airferry_archive.volume_set import HERE, Media, VolumeSet, opened
from airferry_foundation import documents
from airferry_foundation.errors import BundleMismatchError, DocumentError, InternalError
from airferry_foundation.parallel import run_all
from airferry_foundation.positioned import PositionedFile
from airferry_foundation.progress import SILENT, Progress, Task

_END_OF_BLOBS = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """What `verify` read: blobs, their bytes, and the bytes of the file, all accounted for."""

    blobs: int
    blob_bytes: int
    file_bytes: int


class BundleReader:
    """An open bundle. Safe for several threads."""

    def __init__(self, file: PositionedFile, form: HeaderForm) -> None:
        self._file = file
        self._form = form
        self._layout: Layout | None = None
        self._lock = Lock()
        self._starts: dict[str, int] = {}
        self._end_holds = False

    @classmethod
    @contextmanager
    def open(cls, path: Path, media: Media = HERE) -> Iterator[BundleReader]:
        """Open a file, or the volumes of one, and check the form of its header.

        `path` may be any volume or the folder with the first one; `media` says where else volumes
        are. Raises MissingInputError, MediaError, TruncatedError or BundleMismatchError.
        """
        with opened(path, media) as file:
            form = read_header(file)
            if isinstance(file, VolumeSet):
                file.expect_set(form.header)
            yield cls(file, form)

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    @property
    def at_hand(self) -> bool:
        """Whether all of it can be read now: no volume must be asked for."""
        return self._file.at_hand

    @property
    def file(self) -> PositionedFile:
        """The bytes, for who copies them."""
        return self._file

    @property
    def volume_count(self) -> int:
        """How many volumes it is in, 0 for a bundle in one file."""
        return self._file.shelf.first.count if isinstance(self._file, VolumeSet) else 0

    @property
    def absent(self) -> tuple[int, ...]:
        """The numbers of the volumes that are not at hand."""
        return self._file.absent if isinstance(self._file, VolumeSet) else ()

    def expect_volumes(self, progress: Progress = SILENT) -> None:
        """VolumeMissingError, naming all that are absent, unless they can be asked for.

        Then `progress` is told their names, before anything is read.
        """
        if isinstance(self._file, VolumeSet):
            self._file.expect_reachable()
            if absent := self._file.absent_names:
                progress.note(
                    f"Not here yet: {', '.join(absent)}. "
                    "Each is asked for when it is needed; any order will do."
                )

    def in_turn(self, blobs: Iterable[str], act: Callable[[str], None]) -> None:
        """Do something once with each blob, in the order that wants the fewest changes of media.

        That is: what is whole in volumes at hand, then the next one in the order of the file, which
        may ask for a volume. Whatever volume of the set comes then, what is whole in it is done
        at once; a blob that is cut wants its volumes one after the other. What the file lacks comes
        last. `act` is called from this thread alone.
        """
        wanted = set(blobs)
        order = dict.fromkeys(one for one in self.layout.members if one in wanted)
        order |= dict.fromkeys(sorted(wanted))
        file = self._file
        if isinstance(file, VolumeSet):
            file.as_they_come(order, lambda: file.whole, act)
            return
        for one in order:
            act(one)

    @property
    def header(self) -> Header:
        """The header, not judged."""
        return self._form.header

    def release(self) -> Release:
        """The release, strictly decoded; call it only once its signatures hold."""
        return documents.decode(self.header.release, Release, name=RELEASE, cap=releases.MAX_BYTES)

    def carriage(self) -> Carriage:
        """What this file carries, strictly decoded; call it only once the release is admitted."""
        return documents.decode(
            self.header.carriage, Carriage, name=CARRIAGE, cap=carriages.MAX_BYTES
        )

    def bind(self, release: Release) -> Layout:
        """Hold the file to an admitted release: every file of the header, and its size.

        BundleMismatchError where they differ, TruncatedError where the file is too short.
        """
        if documents.encode(release) != self.header.release:
            raise InternalError(f"{self.path} is bound to another release than it holds")
        layout = self._arranged(release)
        form = self._form
        if form.mtime != layout.mtime:
            raise mismatch(self._file, "header", 0, f"its times are not {release.issued_at}")
        for expected, found in zip(layout.files, form.files, strict=True):
            if expected != found:
                raise mismatch(self._file, found[0], 0, "it is not what the release calls for")
        self._expect_size(layout)
        self._layout = layout
        return layout

    @property
    def layout(self) -> Layout:
        """What stands where, once bound."""
        if self._layout is None:
            raise InternalError(f"{self.path} was used before it was bound to a release")
        return self._layout

    def carries(self, blob_digest: str) -> bool:
        """Whether the blob is in this file."""
        return blob_digest in self.layout.members

    def stream(self, blob_digest: str) -> Iterator[memoryview]:
        """A blob in chunks of at most 1 MiB, each good until the next one is asked for.

        BundleMismatchError comes before the last chunk is handed out.
        """
        member = self._member(blob_digest)
        return self._stream(member)

    def blob(self, blob_digest: str, cap: int) -> bytes:
        """A whole blob of at most `cap` bytes, verified."""
        size = self._member(blob_digest).blob.size
        if size > cap:
            raise BundleMismatchError(
                f"{self.path}: blob {blob_digest} has {size:,} bytes; {cap:,} are allowed here"
            )
        return b"".join(bytes(chunk) for chunk in self.stream(blob_digest))

    def verify(self, progress: Progress = SILENT) -> Verified:
        """Read every byte once, on every core; whatever is not as the release has it raises.

        TruncatedError for a file that ends early, else BundleMismatchError with member and offset.
        """
        members = self.layout.members
        total = sum(member.blob.size for member in members.values())
        task = progress.start(f"Verifying {self.path.name}", total)
        stop = Event()
        if self.at_hand:
            self._expect_end()
            largest_first = sorted(members.values(), key=lambda one: one.blob.size, reverse=True)
            jobs = (partial(self._check, member, task, stop) for member in largest_first)
            run_all(jobs, os.cpu_count() or 1, stop)
        else:
            self.in_turn(members, lambda one: self._check_here(members[one], task, stop))
        task.finish()
        return Verified(len(members), total, self._expect_end())

    def _check_here(self, member: Member, task: Task, stop: Event) -> None:
        """Check a member, and the end where that is at hand: no stick is wanted again for it."""
        self._check(member, task, stop)
        if isinstance(self._file, VolumeSet) and self._file.ends_here and not self._end_holds:
            size = self._file.size
            self._end_holds = self._file.read(size - len(END), len(END)) == END

    def _check(self, member: Member, task: Task, stop: Event) -> None:
        for chunk in self._stream(member):
            task.advance(len(chunk))
            if stop.is_set():
                return

    def _arranged(self, release: Release) -> Layout:
        try:
            return arrange(self.header, release, self.carriage())
        except (BundleMismatchError, DocumentError) as error:
            raise mismatch(self._file, "header", 0, error.message) from None

    def _member(self, blob_digest: str) -> Member:
        member = self.layout.members.get(blob_digest)
        if member is None:
            raise BundleMismatchError(
                f"{self.path} does not carry blob {blob_digest}",
                "A delta leaves blobs out; get a file that carries it from the vendor.",
            )
        return member

    def _stream(self, member: Member) -> Iterator[memoryview]:
        def ended(end: int) -> None:
            self._learn_end(member, end)

        try:
            yield from content.stream(self._file, member, self._offset(member), ended)
        except BundleMismatchError as error:
            if isinstance(self._file, VolumeSet):
                raise self._file.blamed(member.blob.digest, error) from None
            raise

    def _offset(self, member: Member) -> int:
        if member.offset is not None:
            return member.offset
        return self._walk(member.blob.digest)

    def _walk(self, wanted: str) -> int:
        """Where a compressed member begins; for "" where the last one ends.

        Block headers are read from the last place that is known.
        """
        with self._lock:
            members = self.layout.compressed
            self._learn_starts()
            last = next((n for n, m in enumerate(members) if m.blob.digest == wanted), len(members))
            known = [n for n in range(last) if members[n].blob.digest in self._starts]
            start = self._starts.get(wanted, self.layout.compressed_start)
            if wanted not in self._starts and known:
                start = self._starts[members[known[-1]].blob.digest]
                for member in members[known[-1] : last]:
                    start = self._end_of(member, start)
            return start

    def _learn_starts(self) -> None:
        """Where compressed members begin that are known to: the first, and by volumes' trailers.

        Those can be wrong: whoever reads the member before finds that out, in `_learn_end`.
        """
        first = next((member.blob.digest for member in self.layout.compressed), None)
        if first is not None:
            self._starts.setdefault(first, self.layout.compressed_start)
        if isinstance(self._file, VolumeSet):
            for digest, start in self._file.starts.items():
                if digest in self._following:
                    self._starts.setdefault(digest, start)

    def _end_of(self, member: Member, start: int) -> int:
        following = self._following[member.blob.digest]
        if following not in self._starts:
            self._starts[following] = compression.end_of(
                self._file, start, member.length, member.name
            )
        return self._starts[following]

    def _learn_end(self, member: Member, end: int) -> None:
        """Where a member's frames ended when it was read: need not be walked."""
        with self._lock:
            following = self._following[member.blob.digest]
            if self._starts.setdefault(following, end) != end:
                raise mismatch(self._file, member.name, end, "the next member does not follow it")

    @cached_property
    def _following(self) -> dict[str, str]:
        """By digest, the compressed member behind each one."""
        digests = [member.blob.digest for member in self.layout.compressed]
        return dict(pairwise([*digests, _END_OF_BLOBS]))

    def _expect_size(self, layout: Layout) -> None:
        least = layout.compressed_start + len(END)
        if self._file.size < least:
            raise self._file.ends_early(least)
        if layout.size is not None and self.at_hand and self._file.size > layout.size:
            raise self._tail(layout.size)

    def _expect_end(self) -> int:
        """Compare the end of the tar, and that nothing follows; returns the file's size."""
        offset = self._walk(_END_OF_BLOBS)
        if not self._end_holds and self._file.read(offset, len(END)) != END:
            raise mismatch(self._file, "end", offset, "the end of the archive is not what it is")
        if self._file.size != offset + len(END):
            raise self._tail(offset + len(END))
        return self._file.size

    def _tail(self, end: int) -> BundleMismatchError:
        extra = self._file.size - end
        return mismatch(self._file, "end", end, f"{extra:,} bytes follow the end of the bundle")
