"""The one module that writes files, and reads them with a cap.

Every OSError of a path becomes an error that names the path: full, read-only, missing, unreadable.
"""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import BinaryIO

from airferry_foundation.errors import (
    FileTooLargeError,
    InputError,
    MediaError,
    MediaFullError,
    MissingInputError,
    ReadOnlyError,
    StateBusyError,
)

_FULL = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextmanager
def media_errors(path: Path | str) -> Iterator[None]:
    """Turn an OSError of the body into an Airferry error that names `path`."""
    try:
        yield
    except OSError as error:
        raise media_error(error, path) from error


def media_error(error: OSError, path: Path | str) -> MediaError | InputError:
    """The Airferry error that an OSError at `path` stands for."""
    if error.errno in _FULL:
        return MediaFullError(
            f"{path}: no space left",
            "Free some space and give the same command again; it goes on where it was.",
        )
    if error.errno == errno.EFBIG:
        return too_large(path)
    if error.errno in _READ_ONLY:
        return ReadOnlyError(f"{path}: {error.strerror}", "Check the rights, or another medium.")
    if isinstance(error, FileNotFoundError):
        return MissingInputError(f"{path} does not exist")
    if isinstance(error, (IsADirectoryError, NotADirectoryError)):
        return InputError(f"{path}: {error.strerror}")
    return MediaError(
        f"{path}: {error.strerror or error}",
        "The medium may be damaged or was pulled out; try again, or another copy.",
    )


def too_large(path: Path | str, size: int | None = None) -> FileTooLargeError:
    """The error for a file of `size` bytes that a medium can't hold, whatever is free on it."""
    limit = largest_file()
    why = "its file system holds no file so large (FAT32: at most 4,294,967,295 bytes)"
    if limit is not None and (size is None or size > limit):
        why = f"a file may have at most {limit:,} bytes here (ulimit -f)"
    will = "it gets too large" if size is None else f"it will have {size:,} bytes"
    return FileTooLargeError(
        f"{path}: {will}; {why}",
        "Write the bundle to another disk, and cut it for this one: "
        "airferry-bundler split FILE --size fat32 --to FOLDER. The installer takes volumes.",
    )


def largest_file() -> int | None:
    """Bytes that a file of this process may have (RLIMIT_FSIZE); None for no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if soft == resource.RLIM_INFINITY else soft


def read_capped(path: Path, cap: int) -> bytes:
    """The bytes of a file that may have at most `cap`; InputError if it has more."""
    with media_errors(path), path.open("rb") as file:
        data = file.read(cap + 1)
    if len(data) > cap:
        raise InputError(f"{path} has more than the {cap} bytes that are allowed")
    return data


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that a reader sees the old bytes or the new ones, never a part; fsynced."""
    with media_errors(path):
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink()
            raise
        _sync_folder(path.parent)


def write_new(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Like `write_atomic`, but refuses to replace a file (keys, approvals)."""
    if path.exists():
        raise InputError(f"{path} exists already", "Choose another name, or move it away first.")
    write_atomic(path, data, mode=mode)


@contextmanager
def fresh(path: Path) -> Iterator[BinaryIO]:
    """A file written piece by piece: it has its name after the body, and is gone if that fails."""
    with media_errors(path):
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def make_folder(path: Path, *, private: bool = False) -> Path:
    """Make a folder and its parents; `private` means mode 0700 for the folder itself."""
    with media_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        if private:
            path.chmod(0o700)
    return path


def append_line(path: Path, line: bytes, *, mode: int = 0o600) -> None:
    """Append one line, fsynced."""
    with media_errors(path):
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, mode)
        try:
            os.write(handle, line.rstrip(b"\n") + b"\n")
            os.fsync(handle)
        finally:
            os.close(handle)


def remove(path: Path) -> None:
    """Delete a file if it is there."""
    with media_errors(path):
        path.unlink(missing_ok=True)


def remove_folder(path: Path) -> None:
    """Delete a folder with all that is in it, if it is there; for folders of our own making."""
    with media_errors(path):
        if path.exists():
            shutil.rmtree(path)


def finish_partial(partial: Path, path: Path) -> None:
    """Give a completed partial file its name, durably."""
    with media_errors(path):
        partial.replace(path)
        _sync_folder(path.parent)


def move(path: Path, to: Path) -> None:
    """Give a file or folder another name on the same file system, durably."""
    with media_errors(path):
        path.rename(to)
        _sync_folder(to.parent)


def free_name(path: Path) -> Path:
    """`path`, or the first of `path.2`, `path.3` … where there is nothing yet."""
    names = chain((path,), (path.with_name(f"{path.name}.{n}") for n in count(2)))
    return next(name for name in names if not name.exists())


@contextmanager
def scratch_folder(prefix: str = "airferry-") -> Iterator[Path]:
    """A private temporary folder (0700) that is gone afterwards; for small files only."""
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        yield Path(name)


@contextmanager
def exclusive(path: Path, *, what: str) -> Iterator[None]:
    """Hold the lock file `path`; StateBusyError at once if another process holds it."""
    with media_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateBusyError(
                f"{what} is in use by another airferry process ({path})",
                "Wait until it has ended, then give the same command again.",
            ) from None
        yield
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
