"""The state folder: all that an installer remembers between two sticks.

```
state.db        trust state, settings, hash-chained journal
lock            held while a decision is made
instance, site.hmac, site.age, enrolment.json
<kind>/<hex>    kept files (rendered releases, sealed data, releases, plans …), named by digest
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from airferry_foundation import clock, documents, files
from airferry_foundation.digests import digest, hex_of
from airferry_foundation.errors import (
    DocumentError,
    InputError,
    MissingInputError,
    StateMissingError,
    StateTamperedError,
)
from airferry_installer import site as sites
from airferry_installer import trust as trusts
from airferry_installer.site import Site
from airferry_installer.state import journal as journals
from airferry_installer.state.database import Database
from airferry_installer.state.journal import Fact, Journal
from airferry_installer.state.keys import Keys
from airferry_installer.trust import TrustState
from airferry_signing.sealing import Identity

MAX_KEPT = 256 << 20
_KIND = re.compile(r"[a-z][a-z-]{0,30}")
_SITE = "site"
_DECIDED = "SELECT name FROM documents UNION ALL SELECT number FROM journal LIMIT 1"
"""Whether anything was ever decided: a database that lost its trust state is no empty one."""
_SET = "INSERT OR REPLACE INTO settings VALUES (?, ?)"


class StateFolder:
    """An initialised state folder. Several may be open at once; `exclusive` keeps deciders apart.

    Give `create` or `open` a folder; the constructor looks at nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = Keys(folder)
        self._database = Database(folder / "state.db")
        self.journal = Journal(self._database)
        self._held = 0

    @classmethod
    def create(cls, folder: Path, site_path: Path, trust: TrustState) -> StateFolder:
        """Make a state folder that trusts `trust` and nothing else; InputError if there is one."""
        state = cls(folder)
        if state.exists():
            raise InputError(
                f"{folder} is initialised already", "Choose another folder with --state."
            )
        files.make_folder(folder, private=True)
        with state.exclusive():
            state.keys.create()
            # A state.db without its first decision is what a cut `init` left: it holds nothing.
            for leftover in folder.glob("state.db*"):
                files.remove(leftover)
            state._database.create()
            state.use_site(site_path)
            state.remember(trust)
        return state

    @classmethod
    def open(cls, folder: Path) -> StateFolder:
        """Open a state folder; StateMissingError if `init` was not run."""
        state = cls(folder)
        if not state.exists():
            raise StateMissingError(
                f"{folder} is not an initialised state folder",
                "Run `airferry-installer init`, or name the folder with --state.",
            )
        return state

    def exists(self) -> bool:
        """Whether `init` has come to its end here."""
        if not self._database.path.is_file():
            return False
        try:
            with self._database.snapshot() as connection:
                return connection.execute(_DECIDED).fetchone() is not None
        except StateMissingError:  # no layout yet: an `init` that was cut
            return False

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other processes from deciding meanwhile; StateBusyError if one is at it.

        Within one process it may be entered again.
        """
        if self._held:
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1
            return
        with files.exclusive(self.folder / "lock", what=f"the state folder {self.folder}"):
            self._held = 1
            try:
                yield
            finally:
                self._held = 0

    # --- the site ---------------------------------------------------------------------------------

    @property
    def site_path(self) -> Path:
        """The customer's site.yaml."""
        return Path(self.setting(_SITE) or self.folder / "site.yaml")

    @property
    def site_folder(self) -> Path:
        """Where relative paths of site.yaml start."""
        return self.site_path.parent

    def site(self) -> Site:
        """Read site.yaml anew; HandwrittenError lists its mistakes."""
        try:
            return sites.read(self.site_path)
        except MissingInputError:
            raise StateMissingError(
                f"{self.site_path}, the site file of {self.folder}, does not exist",
                "Put it back, or name another: airferry-installer init --site FILE.",
            ) from None

    def use_site(self, path: Path) -> None:
        """Remember where site.yaml is."""
        self.set(_SITE, str(path.absolute()))

    # --- trust ------------------------------------------------------------------------------------

    def trust(self) -> TrustState:
        """What is remembered of the vendors; StateTamperedError if it can't be read."""
        with self._database.snapshot() as connection:
            row = connection.execute(journals.TRUST_DATA).fetchone()
        try:
            return trusts.read(row[0] if row else b"")
        except DocumentError as error:
            raise StateTamperedError(
                f"{self._database.path}: {error.message}",
                "Somebody changed it, or it is damaged. Restore the state folder from a backup.",
            ) from None

    def remember(self, trust: TrustState) -> None:
        """Store a trust state and journal its digest, in one transaction; nothing if unchanged."""
        data = documents.encode(trust)
        with self._database.transaction() as connection:
            row = connection.execute(journals.TRUST_DATA).fetchone()
            if row is not None and row[0] == data:
                return
            connection.execute("INSERT OR REPLACE INTO documents VALUES ('trust', ?)", (data,))
            journals.append(connection, journals.TRUST_EVENT, {"digest": digest(data)})

    # --- keys -------------------------------------------------------------------------------------

    @property
    def instance_key(self) -> Path:
        """The instance's private SSH key (OpenSSH, ed25519)."""
        return self.keys.instance

    def hmac_key(self) -> bytes:
        """The site key, 32 bytes."""
        return self.keys.hmac()

    def identity(self) -> Identity:
        """The site's age key."""
        return self.keys.identity()

    # --- kept files -------------------------------------------------------------------------------

    def keep(self, kind: str, data: bytes) -> str:
        """Keep bytes under their digest, 0600; the digest."""
        name = digest(data)
        path = self._kept_path(kind, name)
        if not path.exists():
            files.make_folder(path.parent, private=True)
            files.write_atomic(path, data, mode=0o600)
        return name

    def kept(self, kind: str, name: str) -> bytes:
        """Kept bytes, hashed anew; StateMissingError, StateTamperedError."""
        path = self._kept_path(kind, name)
        try:
            data = files.read_capped(path, MAX_KEPT)
        except MissingInputError:
            raise StateMissingError(
                f"the state folder has no {kind} {name}",
                "It was made with another state folder, or removed; make it again.",
            ) from None
        if digest(data) != name:
            raise StateTamperedError(
                f"{path} holds other bytes than its name says: found {digest(data)}",
                "Somebody changed it. Restore the state folder from a backup.",
            )
        return data

    def _kept_path(self, kind: str, name: str) -> Path:
        if not _KIND.fullmatch(kind):
            raise InputError(f"{kind!r} is no kind of kept file")
        return self.folder / kind / hex_of(name)

    # --- settings ---------------------------------------------------------------------------------

    def setting(self, name: str) -> str | None:
        """A small remembered value."""
        with self._database.snapshot() as connection:
            query = "SELECT value FROM settings WHERE name=?"
            row = connection.execute(query, (name,)).fetchone()
        return str(row[0]) if row else None

    def settings(self, beginning: str) -> tuple[str, ...]:
        """The names of the remembered values that begin so, sorted."""
        with self._database.snapshot() as connection:
            query = "SELECT name FROM settings WHERE substr(name, 1, ?) = ? ORDER BY name"
            rows = connection.execute(query, (len(beginning), beginning)).fetchall()
        return tuple(str(name) for (name,) in rows)

    def set(self, name: str, value: str) -> None:
        """Remember a small value."""
        with self._database.transaction() as connection:
            connection.execute(_SET, (name, value))

    def use_policy(self, value: str, event: str, **facts: Fact) -> None:
        """Remember and journal which policy is in force, in one transaction."""
        with self._database.transaction() as connection:
            connection.execute(_SET, (journals.POLICY_SETTING, value))
            journals.append(connection, event, {"policy": value, **facts})

    def policy(self) -> str | None:
        """The digest of the policy that is in force, `none`, or None before the first decision."""
        return self.setting(journals.POLICY_SETTING)

    def now(self) -> trusts.Time:
        """What time it is, by clock and memory."""
        return trusts.trusted_now(self.trust(), clock.now(), self.journal.latest())
