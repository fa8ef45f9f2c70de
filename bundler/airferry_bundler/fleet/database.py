"""One customer's database, `fleet.db`: instances, exports, samples, events.

All but the enrolments can be rebuilt from the sealed raw files beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from airferry_foundation import documents
from airferry_foundation.errors import MediaError, StateBusyError
from airferry_telemetry import envelope, samples
from airferry_telemetry.envelope import Manifest, Package
from airferry_telemetry.samples import Sample, of_row, to_row

_WAIT_SECONDS = 10

_SCHEMA = """
CREATE TABLE IF NOT EXISTS instances (
    fingerprint TEXT PRIMARY KEY, enrolment BLOB NOT NULL, enrolled_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS exports (
    digest TEXT PRIMARY KEY, instance TEXT NOT NULL, environment TEXT NOT NULL,
    lineage TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, previous TEXT,
    state TEXT NOT NULL, imported_at TEXT NOT NULL, manifest BLOB NOT NULL,
    UNIQUE (instance, environment, lineage, epoch, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples (
    export TEXT NOT NULL, metric TEXT NOT NULL, labels TEXT NOT NULL,
    at INTEGER NOT NULL, value REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS events (export TEXT NOT NULL, line BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS samples_of ON samples (export);
"""


@dataclass(frozen=True, slots=True)
class Known:
    """An export that was imported: its place in its stream, and the digest of its tar."""

    seq: int
    digest: str
    previous: str | None


@dataclass(frozen=True, slots=True)
class Database:
    """The file of one customer."""

    path: Path

    def enroll(self, fingerprint: str, enrolment: bytes, at: str) -> bool:
        """Remember an instance; False if it was known already."""
        with self._opened() as connection:
            query = "INSERT OR IGNORE INTO instances VALUES (?, ?, ?)"
            return connection.execute(query, (fingerprint, enrolment, at)).rowcount == 1

    def instances(self) -> tuple[str, ...]:
        """The fingerprints of the enrolled instances."""
        with self._opened() as connection:
            rows = connection.execute("SELECT fingerprint FROM instances ORDER BY 1").fetchall()
        return tuple(str(row[0]) for row in rows)

    def stream(self, manifest: Manifest) -> tuple[Known, ...]:
        """What is known of the stream that an export belongs to, by number."""
        query = (
            "SELECT seq, digest, previous FROM exports WHERE instance = ? AND environment = ? "
            "AND lineage = ? AND epoch = ? ORDER BY seq"
        )
        with self._opened() as connection:
            rows = connection.execute(query, _stream(manifest)).fetchall()
        return tuple(Known(*row) for row in rows)

    def add(self, package: Package, state: str, at: str) -> None:
        """Remember an export with its samples and events, all or nothing."""
        manifest, name = package.manifest, package.digest
        found = samples.read(package.contents[envelope.METRICS])
        rows = [(name, *to_row(one)) for one in found]
        lines = package.contents[envelope.EVENTS].splitlines()
        place = (*_stream(manifest), manifest.seq, manifest.previous)
        with self._opened() as connection:
            connection.execute(
                "INSERT INTO exports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (name, *place, state, at, documents.encode(manifest)),
            )
            connection.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?)", rows)
            connection.executemany("INSERT INTO events VALUES (?, ?)", [(name, x) for x in lines])

    def manifests(self) -> tuple[tuple[str, Manifest], ...]:
        """Every export's digest and manifest, in the order of their making."""
        with self._opened() as connection:
            rows = connection.execute("SELECT digest, manifest FROM exports").fetchall()
        found = [
            (str(name), documents.decode(data, Manifest, name=f"the manifest of {name}"))
            for name, data in rows
        ]
        return tuple(sorted(found, key=lambda one: (one[1].made_at, one[1].seq)))

    def samples(self, export: str) -> tuple[Sample, ...]:
        """The samples of an export."""
        query = "SELECT metric, labels, at, value FROM samples WHERE export = ?"
        with self._opened() as connection:
            rows = connection.execute(query, (export,)).fetchall()
        return tuple(of_row(row) for row in rows)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(_SCHEMA)
                with connection:
                    yield connection
        except sqlite3.OperationalError as error:
            raise StateBusyError(
                f"{self.path}: {error}", "Wait until the other import has ended, then try again."
            ) from error
        except sqlite3.DatabaseError as error:
            raise MediaError(
                f"{self.path}: {error}", "Move it away and import the raw files again."
            ) from error


def _stream(manifest: Manifest) -> tuple[str, str, str, int]:
    return manifest.instance, manifest.environment, manifest.lineage, manifest.epoch
