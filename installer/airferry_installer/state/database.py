"""state.db: SQLite, WAL, fsynced at each commit: what is decided must not be forgotten.

A connection lives for one transaction; SQLite's failures become errors that name the file.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from airferry_foundation.errors import (
    AirferryError,
    MachineError,
    MediaError,
    MediaFullError,
    ReadOnlyError,
    StateBusyError,
    StateMissingError,
    StateTamperedError,
)

_WAIT_SECONDS = 10
_ROOM = 256 << 10

_SCHEMA = """
CREATE TABLE documents (name TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE journal (number INTEGER PRIMARY KEY, entry BLOB NOT NULL);
PRAGMA user_version = 1;
"""
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Database:
    """The file state.db."""

    path: Path

    def create(self) -> None:
        """Make the tables."""
        with self._connection("rwc") as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write: all of the body or nothing of it, on the disk when the body has ended."""
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Read one consistent state."""
        with self._opened() as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        if not self.path.is_file():
            raise StateMissingError(f"{self.path} does not exist", "Run `init` first.")
        with self._connection("rw") as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                raise StateMissingError(f"{self.path} has no tables yet", "Run `init` again.")
            if version != _VERSION:
                raise MachineError(
                    f"{self.path} has layout {version}, this Airferry reads layout {_VERSION}",
                    "Use the Airferry that wrote it, or a newer one.",
                )
            yield connection

    @contextmanager
    def _connection(self, mode: str) -> Iterator[sqlite3.Connection]:
        uri = f"{self.path.absolute().as_uri()}?mode={mode}"
        try:
            opened = sqlite3.connect(uri, timeout=_WAIT_SECONDS, isolation_level=None, uri=True)
            with closing(opened) as connection:
                connection.execute("PRAGMA synchronous=FULL")
                yield connection
        except sqlite3.DatabaseError as error:
            raise _in_words(error, self.path) from error


def _is_full(path: Path) -> bool:
    """Whether a failed write was for want of room: WAL needs 32 KiB beside the database to begin.

    SQLite calls that an I/O error and does not say which.
    """
    return shutil.disk_usage(path.parent).free < _ROOM


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that others may be writing to: one consistent state of it, in one file."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as opened,
            closing(sqlite3.connect(target)) as copy,
        ):
            opened.backup(copy)  # its mode too: WAL stays WAL
    except sqlite3.DatabaseError as error:
        raise _in_words(error, source) from error


def _in_words(error: sqlite3.DatabaseError, path: Path) -> AirferryError:
    name = str(getattr(error, "sqlite_errorname", ""))
    if name.startswith("SQLITE_FULL") or (name.startswith("SQLITE_IOERR") and _is_full(path)):
        return MediaFullError(f"{path}: no space left", "Free some space, then try again.")
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM")):
        return ReadOnlyError(f"{path} may not be written to", "Check the rights of the folder.")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StateBusyError(
            f"{path} is in use by another process", "Wait until it has ended, then try again."
        )
    if name.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR")):
        return StateTamperedError(
            f"{path} is damaged: {error}", "Restore the state folder from a backup."
        )
    return MediaError(f"{path}: {error}", "The disk may be damaged; look at the system's log.")
