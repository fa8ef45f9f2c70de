"""Files read and written at positions, by several threads: the half of `files` for big ones.

Every OSError becomes an error that names the path; a file that ends early is a TruncatedError.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from airferry_foundation.errors import InputError, MediaFullError, TruncatedError
from airferry_foundation.files import largest_file, media_error, media_errors, too_large

Buffer = bytes | bytearray | memoryview

_MOST_VIEWS = 1024  # IOV_MAX of Linux; POSIX allows fewer, no system that we run on does


@dataclass(frozen=True, slots=True)
class PositionedFile:
    """An open regular file; `handle` is its descriptor."""

    path: Path
    handle: int

    @property
    def size(self) -> int:
        """Bytes in the file now."""
        with media_errors(self.path):
            return os.fstat(self.handle).st_size

    @property
    def at_hand(self) -> bool:
        """Whether every byte can be read without asking somebody for another medium."""
        return True

    def at(self, offset: int) -> tuple[Path, int]:
        """The file that holds a byte, and where in it: it differs for what is spread over files."""
        return self.path, offset

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`; TruncatedError if the file ends before."""
        buffer = bytearray(length)
        self.read_into([memoryview(buffer)], offset)
        return bytes(buffer)

    def read_some(self, offset: int, length: int) -> bytes:
        """At most `length` bytes from `offset`, less only at the end of the file."""
        with media_errors(self.path):
            data = os.pread(self.handle, length, offset)
            while 0 < len(data) < length:
                more = os.pread(self.handle, length - len(data), offset + len(data))
                if not more:
                    break
                data += more
        return data

    def read_ahead(self, offset: int, least: int, most: int) -> bytes:
        """At least `least` bytes from `offset`, and up to `most` if that costs no new medium.

        Less than `least` only at the end of the file.
        """
        return self.read_some(offset, max(least, most))

    def read_into(self, views: Sequence[memoryview], offset: int) -> None:
        """Fill the views, one after the other, with the bytes from `offset`."""
        left = [view for view in views if len(view)]
        while left:
            with media_errors(self.path):
                count = os.preadv(self.handle, left[:_MOST_VIEWS], offset)
            if count == 0:
                raise self.ends_early(offset + sum(map(len, left)))
            offset += count
            left = _after(left, count)

    def expect(self, offset: int, length: int) -> None:
        """Let the medium begin to read these bytes, which will be wanted soon.

        Linux guesses that by itself where one thread reads a file; several at once undo its guess.
        """
        with suppress(OSError):  # it was a hint
            os.posix_fadvise(self.handle, offset, length, os.POSIX_FADV_WILLNEED)

    def ends_early(self, expected: int) -> TruncatedError:
        """The error for a file that has fewer than the `expected` bytes."""
        return TruncatedError(
            f"{self.path} ends at byte {self.size:,}, expected at least {expected:,}",
            "The copy was cut: copy it again, and compare sizes.",
        )


@dataclass(frozen=True, slots=True)
class WritableFile(PositionedFile):
    """An open file that may also be written to. Writers must not overlap."""

    def write(self, buffers: Sequence[Buffer], offset: int) -> int:
        """Write the buffers, one after the other, at `offset`; returns the offset behind them."""
        left = [memoryview(buffer) for buffer in buffers if len(buffer)]
        while left:
            with media_errors(self.path):
                count = os.pwritev(self.handle, left[:_MOST_VIEWS], offset)
            offset += count
            left = _after(left, count)
        return offset

    def start_writing(self, offset: int, length: int) -> None:
        """Let the medium begin with these bytes, so that `sync` has little left to wait for.

        (The advice that they are not needed in memory makes Linux write back what is dirty.)
        """
        with media_errors(self.path):
            os.posix_fadvise(self.handle, offset, length, os.POSIX_FADV_DONTNEED)

    def cut(self, size: int) -> None:
        """Make the file exactly `size` bytes long."""
        with media_errors(self.path):
            os.ftruncate(self.handle, size)

    def sync(self) -> None:
        """Return when the bytes are on the medium."""
        with media_errors(self.path):
            os.fsync(self.handle)

    def expect_room(self, size: int) -> None:
        """MediaFullError or FileTooLargeError unless the file can grow to hold `size` bytes."""
        self._expect_fit(size)
        with media_errors(self.path):
            medium = os.fstatvfs(self.handle)
            taken = os.fstat(self.handle).st_blocks * 512
        free = medium.f_bavail * medium.f_frsize
        if size - taken > free:
            raise MediaFullError(
                f"{self.path} will have {size:,} bytes; {free:,} are free on its medium"
                + (f" beside the {taken:,} that it has" if taken else ""),
                "Free some space, or name another medium; the same command goes on.",
            )

    def _expect_fit(self, size: int) -> None:
        """FileTooLargeError for a size that no file on this medium can have."""
        limit = largest_file()
        if limit is not None and size > limit:
            raise too_large(self.path, size)
        try:  # Linux refuses a position beyond the largest file of a file system, and does no more
            os.lseek(self.handle, size, os.SEEK_SET)
        except OSError as error:
            if error.errno in {errno.EINVAL, errno.EOVERFLOW, errno.EFBIG}:
                raise too_large(self.path, size) from error
            raise media_error(error, self.path) from error


@contextmanager
def reading(path: Path) -> Iterator[PositionedFile]:
    """Open a regular file for reading; InputError if it is something else."""
    with _opened(path, os.O_RDONLY) as handle:
        yield PositionedFile(path, handle)


@contextmanager
def writing(path: Path) -> Iterator[WritableFile]:
    """Open a regular file for reading and writing, made if it is not there, kept as it is if so."""
    with _opened(path, os.O_RDWR | os.O_CREAT) as handle:
        yield WritableFile(path, handle)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    with media_errors(path):  # non-blocking: a named pipe must not make us wait for its writer
        handle = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise InputError(f"{path} is not a regular file", "Give a file on a disk or stick.")
        yield handle
    finally:
        os.close(handle)


def _after(views: list[memoryview], count: int) -> list[memoryview]:
    """What is left of the views behind their first `count` bytes."""
    for number, view in enumerate(views):
        if count < len(view):
            return [view[count:], *views[number + 1 :]]
        count -= len(view)
    return []
