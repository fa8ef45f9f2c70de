"""The vendor's store: customers kept apart, one folder, one database and one archive key each.

```
customers/<customer>/fleet.db            what was parsed
customers/<customer>/raw/<hex>.age       each export's tar, sealed to the customer's archive key
customers/<customer>/archive.age         that key: destroy it, and the archive can't be read again
quarantine/<hex>.age                     files as they came, that were not taken
region                                   the region whose data may lie here, fixed by the first file
```
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from airferry_bundler.fleet.database import Database
from airferry_foundation import files
from airferry_foundation.digests import digest, hex_of
from airferry_foundation.errors import InputError
from airferry_signing import sealing

_CUSTOMER = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class CustomerStore:
    """What is kept of one customer."""

    name: str
    folder: Path

    @property
    def database(self) -> Database:
        """The customer's database."""
        return Database(self.folder / "fleet.db")

    def archive(self, name: str, tar: bytes) -> Path:
        """Keep an export's tar, sealed anew to this customer's archive key."""
        path = files.make_folder(self.folder / "raw", private=True) / f"{hex_of(name)}.age"
        key = sealing.read_identity(self.folder / "archive.age")
        files.write_atomic(path, sealing.seal(tar, [key.recipient]), mode=0o600)
        return path

    def archived(self, name: str) -> bytes:
        """An export's tar out of the archive."""
        path = self.folder / "raw" / f"{hex_of(name)}.age"
        key = sealing.read_identity(self.folder / "archive.age")
        sealed = files.read_capped(path, sealing.MAX_SEALED_BYTES)
        return sealing.unseal(sealed, key.secret, name=str(path))


@dataclass(frozen=True, slots=True)
class Store:
    """The store of all customers."""

    folder: Path

    def customers(self) -> tuple[CustomerStore, ...]:
        """Every customer of the store, by name."""
        parent = self.folder / "customers"
        names = sorted(path.name for path in parent.iterdir()) if parent.is_dir() else []
        return tuple(CustomerStore(name, parent / name) for name in names)

    def customer(self, name: str) -> CustomerStore | None:
        """A customer that is enrolled, None if there is none of that name."""
        folder = self.folder / "customers" / _strict(name)
        return CustomerStore(name, folder) if folder.is_dir() else None

    def make_customer(self, name: str) -> CustomerStore:
        """A customer's folder with a key of its own, made if it is not there."""
        folder = self.folder / "customers" / _strict(name)
        files.make_folder(self.folder, private=True)
        files.make_folder(folder, private=True)
        if not (folder / "archive.age").exists():
            identity = sealing.new_identity()
            data = sealing.identity_file(identity)
            files.write_new(folder / "archive.age", data, mode=0o600)
        return CustomerStore(name, folder)

    def region(self) -> str | None:
        """The region whose data this store holds, None before the first file."""
        path = self.folder / "region"
        return files.read_capped(path, 100).decode().strip() if path.exists() else None

    def settle(self, region: str) -> None:
        """Fix the region; data of another may then never lie here."""
        if self.region() is None:
            files.make_folder(self.folder, private=True)
            files.write_new(self.folder / "region", f"{_strict(region)}\n".encode())

    def quarantine(self, sealed: bytes) -> Path:
        """Keep a file as it came."""
        files.make_folder(self.folder, private=True)
        folder = files.make_folder(self.folder / "quarantine", private=True)
        path = folder / f"{hex_of(digest(sealed))}.age"
        files.write_atomic(path, sealed, mode=0o600)
        return path

    def quarantined(self) -> int:
        """How many files wait in quarantine."""
        folder = self.folder / "quarantine"
        return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0

    def release(self, sealed: bytes) -> None:
        """A file that was taken at last leaves the quarantine."""
        files.remove(self.folder / "quarantine" / f"{hex_of(digest(sealed))}.age")


def existing(folder: Path) -> Store:
    """A store that is there; InputError otherwise (a mistyped --store must not look empty)."""
    if not (folder / "customers").is_dir():
        raise InputError(
            f"{folder} is not a fleet store",
            "The first `airferry-bundler fleet enroll … --store DIR` makes it.",
        )
    return Store(folder)


def _strict(name: str) -> str:
    if not _CUSTOMER.fullmatch(name):
        raise InputError(f"{name[:80]!r} is not the name of a customer or region")
    return name
