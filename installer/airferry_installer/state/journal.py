"""The journal: every decision, each entry holding the digest of the one before it.

An entry is a canonical JSON document; the chain begins with 64 zeros. Who changes, takes out or
reorders an entry breaks the chain at that place, and `verify` names it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec

from airferry_foundation import clock, documents
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest, digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import AirferryError, StateTamperedError
from airferry_installer.state.database import Database

Fact = str | int | list[str] | None

BEGINNING = "sha256:" + "0" * 64
_MAX_ENTRY = 1 << 20
# SQLite keeps whatever type somebody put into a column: cast, so that bytes are read.
_ALL = "SELECT number, CAST(entry AS BLOB) FROM journal ORDER BY number"
_LAST = f"{_ALL} DESC LIMIT 1"
_ACCEPTED = """
SELECT number, CAST(entry AS BLOB) FROM journal
WHERE json_extract(CAST(entry AS TEXT), '$.event') = ?
ORDER BY number DESC LIMIT 1
"""
_LATEST = """
SELECT number, CAST(entry AS BLOB) FROM journal WHERE number >= ?
ORDER BY json_extract(CAST(entry AS TEXT), '$.at') DESC LIMIT 1
"""
_SETTING = "SELECT value FROM settings WHERE name=?"
_HINT = "Somebody changed state.db. Restore the state folder from a backup, and find out who."


class Entry(Document, frozen=True, kw_only=True):
    """One decision: what happened, when by the system clock, and its facts."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    at: Timestamp
    event: str
    facts: dict[str, Any]
    previous: Digest


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of a state folder."""

    database: Database

    def append(self, event: str, **facts: Fact) -> Entry:
        """Write an entry; it is on the disk when this returns."""
        with self.database.transaction() as connection:
            return append(connection, event, facts)

    def entries(self) -> tuple[Entry, ...]:
        """All entries, oldest first; StateTamperedError where one can't be read."""
        with self.database.snapshot() as connection:
            rows = connection.execute(_ALL).fetchall()
        return tuple(_read(number, data) for number, data in rows)

    def head(self) -> str:
        """The digest of the last entry."""
        with self.database.snapshot() as connection:
            return _last(connection)[1]

    def latest(self) -> datetime | None:
        """The latest time of an entry since people accepted the clock, None for an empty journal.

        Not the last one's: a clock that was set back writes earlier times, and forgets nothing.
        """
        with self.database.snapshot() as connection:
            accepted = connection.execute(_ACCEPTED, (CLOCK_EVENT,)).fetchone()
            since = accepted[0] if accepted else 1
            row = connection.execute(_LATEST, (since,)).fetchone()
        return clock.read(_read(*row).at) if row else None

    def clock_accepted(self) -> str:
        """The digest of the entry with which people last accepted the clock, or of none."""
        with self.database.snapshot() as connection:
            row = connection.execute(_ACCEPTED, (CLOCK_EVENT,)).fetchone()
        return digest(row[1]) if row else BEGINNING

    def verify(self) -> int:
        """How many entries there are, each fitting the one before it; StateTamperedError if not.

        Also holds the trust state that is stored, and the policy in force, against what was
        journalled of them last.
        """
        head, trusted, policy, count = BEGINNING, None, None, 0
        with self.database.snapshot() as connection:  # one moment: others may be deciding
            rows = connection.execute(_ALL).fetchall()
            stored = connection.execute(TRUST_DATA).fetchone()
            in_force = connection.execute(_SETTING, (POLICY_SETTING,)).fetchone()
        for count, (number, data) in enumerate(rows, 1):
            entry = _read(number, data)
            if (number, entry.number) != (count, count):
                raise StateTamperedError(f"journal entry {count} is missing", _HINT)
            if entry.previous != head:
                raise StateTamperedError(
                    f"journal entry {count} ({entry.event}, {entry.at}) does not follow the one "
                    f"before it: expected {head}, found {entry.previous}",
                    _HINT,
                )
            head = digest(data)
            trusted = entry.facts.get("digest") if entry.event == TRUST_EVENT else trusted
            policy = entry.facts.get("policy") if entry.event in POLICY_EVENTS else policy
        _expect("trust state", trusted, digest(stored[0]) if stored else None)
        _expect("policy in force", policy, in_force[0] if in_force else None)
        return count


TRUST_EVENT = "trust remembered"
TRUST_DATA = "SELECT CAST(data AS BLOB) FROM documents WHERE name='trust'"
POLICY_EVENTS = ("policy accepted", "policy changed")
POLICY_SETTING = "policy"
CLOCK_EVENT = "clock accepted"


def append(connection: sqlite3.Connection, event: str, facts: dict[str, Fact]) -> Entry:
    """Write an entry inside a transaction that is under way."""
    number, head = _last(connection)
    entry = Entry(
        number=number + 1, at=clock.timestamp(), event=event, facts=dict(facts), previous=head
    )
    data = documents.encode(entry)
    connection.execute("INSERT INTO journal VALUES (?, ?)", (entry.number, data))
    return entry


def _expect(what: str, journalled: object, found: object) -> None:
    if found != journalled:
        raise StateTamperedError(
            f"the {what} is not the one that was journalled last: expected {journalled}, "
            f"found {'nothing' if found is None else found}",
            _HINT,
        )


def _last(connection: sqlite3.Connection) -> tuple[int, str]:
    row = connection.execute(_LAST).fetchone()
    return (row[0], digest(row[1])) if row else (0, BEGINNING)


def _read(number: int, data: bytes) -> Entry:
    name = f"journal entry {number}"
    try:
        return documents.decode(data, Entry, name=name, cap=_MAX_ENTRY, text="any")
    except AirferryError as error:
        raise StateTamperedError(error.message, _HINT) from None
