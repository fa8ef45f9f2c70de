"""The spool: samples that wait at the site, in `telemetry.db`; bounded, the oldest go first.

Each that had to go is counted, so that a gap never looks like silence.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from airferry_foundation.errors import MediaError
from airferry_telemetry.samples import Sample, of_row, to_row

MAX_SAMPLES = 200_000
_WAIT_SECONDS = 10

_SCHEMA = """
CREATE TABLE IF NOT EXISTS samples (
    environment TEXT NOT NULL, metric TEXT NOT NULL, labels TEXT NOT NULL,
    at INTEGER NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (environment, metric, labels, at)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_time ON samples (at);
CREATE TABLE IF NOT EXISTS dropped (environment TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Spool:
    """The spool of a state folder; its file appears with the first sample."""

    path: Path
    limit: int = MAX_SAMPLES

    def add(self, environment: str, samples: Iterable[Sample]) -> None:
        """Keep samples of an environment; a point that is there already is replaced."""
        rows = [(environment, *to_row(one)) for one in sorted(samples)]
        if not rows:
            return
        with self._opened() as connection:
            connection.executemany("INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?)", rows)
            _drop_oldest(connection, self.limit)

    def since(self, environment: str, after: int, until: int) -> tuple[Sample, ...]:
        """The samples of an environment later than `after`, up to `until` (seconds since 1970)."""
        if not self.path.exists():
            return ()
        query = (
            "SELECT metric, labels, at, value FROM samples "
            "WHERE environment = ? AND at > ? AND at <= ? ORDER BY metric, labels, at"
        )
        with self._opened() as connection:
            rows = connection.execute(query, (environment, after, until)).fetchall()
        return tuple(of_row(row) for row in rows)

    def dropped(self, environment: str) -> int:
        """How many samples of an environment had to go, ever."""
        if not self.path.exists():
            return 0
        with self._opened() as connection:
            query = "SELECT count FROM dropped WHERE environment = ?"
            row = connection.execute(query, (environment,)).fetchone()
        return int(row[0]) if row else 0

    def erase(self, metrics: Iterable[str]) -> None:
        """Forget every sample of these metrics."""
        if self.path.exists():
            with self._opened() as connection:
                connection.executemany(
                    "DELETE FROM samples WHERE metric = ?", [(one,) for one in metrics]
                )

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT_SECONDS)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.executescript(_SCHEMA)
                with connection:
                    yield connection
        except sqlite3.DatabaseError as error:
            raise MediaError(
                f"{self.path}: {error}",
                "The spool holds nothing that can't be sampled again: move it away.",
            ) from error


def _drop_oldest(connection: sqlite3.Connection, limit: int) -> None:
    (count,) = connection.execute("SELECT count(*) FROM samples").fetchone()
    if count <= limit:
        return
    oldest = "SELECT environment, metric, labels, at FROM samples ORDER BY at LIMIT ?"
    keys = connection.execute(oldest, (count - limit,)).fetchall()
    connection.executemany(
        "DELETE FROM samples WHERE environment = ? AND metric = ? AND labels = ? AND at = ?", keys
    )
    connection.executemany(
        "INSERT INTO dropped VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
        [(key[0],) for key in keys],
    )
