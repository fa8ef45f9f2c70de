"""backup and restore of the state folder, in one private tar file.

`backup.json` comes first: when it was made, the journal's head, and the digest of every other file.
The databases are copied by SQLite's own backup, so what a command that runs beside it writes is in
the copy whole or not at all. The file holds the instance's keys: it is 0600, or sealed with age for
those who may open it.

A restored state is an old one. Its journal says that it was restored; its telemetry streams begin
anew; what it forgot since is told as a warning, and noticed where a cluster is ahead (`ahead`).
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Literal

import msgspec

from airferry_foundation import clock, documents, files
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest, digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import AirferryError, InputError, StateTamperedError
from airferry_installer.monitoring import streams
from airferry_installer.state.database import copy_database
from airferry_installer.state.folder import MAX_KEPT, StateFolder
from airferry_signing import sealing

LIST = "backup.json"
MAX_LIST = 16 << 20
MAX_BACKUP = 1 << 30
"""Bytes of all files of a backup."""

_DATABASES = ("state.db", "telemetry.db")
_FILES = ("instance", "instance.pub", "site.hmac", "site.age", "enrolment.json")
_KEPT = re.compile(r"[a-z][a-z-]{0,30}/[0-9a-f]{64}")
_HINT = "Take another backup; this one was changed, cut, or is of something else."


class Backup(Document, frozen=True, kw_only=True):
    """What a backup holds: `files` by their path in the state folder."""

    schema: Literal["airferry.backup/v1"]
    made_at: Timestamp
    entries: Annotated[int, msgspec.Meta(ge=1)]
    head: Digest
    files: dict[str, Digest]


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a restore; `aside` is where the state that was there before lies now."""

    backup: Backup
    state: StateFolder
    aside: Path | None


def make(state: StateFolder, to: Path, recipients: Sequence[str] = ()) -> Backup:
    """Write a backup to `to`, sealed to age recipients if any are given; never replaces a file.

    StateBusyError while another process decides; StateTamperedError for a broken journal: what
    can't be trusted is not worth keeping.
    """
    if to.exists():
        raise InputError(f"{to} exists already", "Name another file with -o.")
    with state.exclusive(), files.scratch_folder() as scratch:
        contents = dict(_sources(state.folder, scratch))
        copy = StateFolder.open(scratch)
        backup = Backup(
            schema="airferry.backup/v1",
            made_at=clock.timestamp(),
            entries=copy.journal.verify(),
            head=copy.journal.head(),
            files={name: digest(_read(path)) for name, path in sorted(contents.items())},
        )
        with files.fresh(to) as file:  # mkstemp made it 0600
            _write(file, backup, contents, recipients)
        state.journal.append("backed up", file=to.name, head=backup.head, entries=backup.entries)
    return backup


def restore(folder: Path, source: Path, *, identity: Path | None, replace: bool) -> Restored:
    """Put a backup in place as the state folder `folder`.

    A state that is there stays, under another name, and only goes aside with `replace`. Nothing is
    in place before every byte of the backup was compared and its journal holds together.
    """
    there = StateFolder(folder)
    if there.exists() and not replace:
        raise InputError(
            f"{folder} is initialised: it knows {len(there.journal.entries())} journal entries",
            "A restore forgets what this state learned since the backup. If that is meant, say "
            "--replace; the present state is kept beside it.",
        )
    fresh = folder.with_name(f"{folder.name}.restoring")
    files.make_folder(fresh.parent)
    with files.exclusive(folder.with_name(f"{folder.name}.lock"), what=f"the restore of {folder}"):
        files.remove_folder(fresh)  # what a restore that was cut has left
        try:
            backup = _unpack(_opened(source, identity), fresh, source)
            _check(fresh, backup, source)
        except AirferryError:
            files.remove_folder(fresh)
            raise
        aside = _swap(there, fresh, backup)
    return Restored(backup, there, aside)


# --- writing --------------------------------------------------------------------------------------


def _sources(folder: Path, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Name and path of everything that is backed up; databases as copies in `scratch`."""
    for name in _DATABASES:
        if (folder / name).exists():
            copy_database(folder / name, scratch / name)
            yield name, scratch / name
    for name in _FILES:
        if (folder / name).exists():
            yield name, folder / name
    for path in sorted(folder.glob("*/*")):
        name = f"{path.parent.name}/{path.name}"
        if _KEPT.fullmatch(name) and path.is_file():
            yield name, path


def _read(path: Path) -> bytes:
    return files.read_capped(path, MAX_BACKUP if path.suffix == ".db" else MAX_KEPT)


def _write(
    file: IO[bytes], backup: Backup, contents: Mapping[str, Path], recipients: Sequence[str]
) -> None:
    plain = io.BytesIO() if recipients else file
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in ((LIST, documents.encode(backup)), *_every(contents)):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))
    if isinstance(plain, io.BytesIO):
        file.write(sealing.seal(plain.getvalue(), recipients))


def _every(contents: Mapping[str, Path]) -> Iterator[tuple[str, bytes]]:
    return ((name, _read(path)) for name, path in sorted(contents.items()))


# --- reading --------------------------------------------------------------------------------------


def _opened(source: Path, identity: Path | None) -> bytes:
    data = files.read_capped(source, MAX_BACKUP)
    if not sealing.is_sealed(data):
        return data
    if identity is None:
        raise InputError(f"{source} is sealed", "Name the age identity that opens it: --identity.")
    return sealing.unseal(data, sealing.read_identity(identity).secret, name=str(source))


def _unpack(tar: bytes, to: Path, source: Path) -> Backup:
    """Write the files of a backup into the folder `to`; every one is listed, and as listed."""
    backup: Backup | None = None
    done: set[str] = set()
    files.make_folder(to, private=True)
    for name, data in _members(tar, source):
        if backup is None:
            if name != LIST:
                raise InputError(f"{source} is not a backup: it begins with {name[:80]!r}", _HINT)
            backup = documents.decode(data, Backup, name=f"{source}: {LIST}", cap=MAX_LIST)
        elif name in done or not _may_stand(name) or backup.files.get(name) != digest(data):
            raise StateTamperedError(f"{source}: {name[:80]!r} is not what {LIST} lists", _HINT)
        else:
            done.add(name)
            files.make_folder((to / name).parent, private=True)
            files.write_new(to / name, data, mode=0o600)
    if backup is None or done != set(backup.files):
        raise StateTamperedError(f"{source} is not a whole backup", _HINT)
    return backup


def _may_stand(name: str) -> bool:
    return name in _DATABASES or name in _FILES or _KEPT.fullmatch(name) is not None


def _members(tar: bytes, source: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            for entry in archive:
                content = archive.extractfile(entry) if entry.isreg() else None
                if content is None:
                    raise InputError(f"{source}: {entry.name[:80]!r} is no plain file", _HINT)
                yield entry.name, content.read()
    except (tarfile.TarError, OSError, ValueError) as error:
        raise InputError(f"{source} is not a backup: {error}", _HINT) from None


def _check(folder: Path, backup: Backup, source: Path) -> None:
    """StateTamperedError unless the journal holds together and is the one that was backed up."""
    state = StateFolder.open(folder)
    if (state.journal.verify(), state.journal.head()) != (backup.entries, backup.head):
        raise StateTamperedError(f"{source}: its journal is not the one that {LIST} names", _HINT)


def _swap(there: StateFolder, fresh: Path, backup: Backup) -> Path | None:
    """Journal the restore in the new state, then give it its place; where the old one went."""
    state = StateFolder.open(fresh)
    streams.restart(state)
    old = there.journal.head() if there.exists() else None
    state.journal.append(
        "restored",
        made_at=backup.made_at,
        head=backup.head,
        entries=backup.entries,
        replaced=old,
    )
    if not there.folder.exists():
        files.move(fresh, there.folder)
        return None
    with there.exclusive():
        aside = files.free_name(there.folder.with_name(f"{there.folder.name}.before-restore"))
        files.move(there.folder, aside)
        files.move(fresh, there.folder)
    return aside
