"""Lock to release.json: a pure function. Nothing else is read, and no clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from airferry_archive import generated
from airferry_archive.release import MAX_BYTES, MemberFile, Release
from airferry_bundler import lock as locks
from airferry_bundler.content import gather
from airferry_bundler.lock import Lock
from airferry_bundler.spec import SpecFile
from airferry_foundation import documents, files
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError, LockOutdatedError

FILE_NAME = "release.json"


def release_bytes(lock: Lock) -> bytes:
    """The bytes of release.json.

    LockOutdatedError where this Airferry makes another README or index than the one that locked.
    """
    if members(lock.release) != lock.release.members:
        raise LockOutdatedError(
            "airferry.lock was made by another version of Airferry, which writes other members",
            "Run `airferry-bundler lock` again with this version.",
        )
    data = documents.encode(lock.release)
    if len(data) > MAX_BYTES:
        raise InputError(
            f"release.json would have {len(data)} bytes; at most {MAX_BYTES} are allowed",
            "Split the product into several.",
        )
    return data


def with_members(release: Release) -> Release:
    """A release whose `members` are those that the rest of it calls for."""
    return msgspec.structs.replace(release, members=members(release))


def members(release: Release) -> dict[str, MemberFile]:
    """Digest and size of each generated member of the header."""
    return {
        name: MemberFile(digest=digest(data), size=len(data))
        for name, data in generated.member_bytes(release).items()
    }


@dataclass(frozen=True, slots=True)
class Made:
    """A release.json, its digest, and names of signatures that were over another one."""

    path: Path
    digest: str
    stale: tuple[str, ...]


def make(spec_file: SpecFile) -> Made:
    """Write release.json beside a spec whose lock is fresh; LockOutdatedError where it is not."""
    lock = locks.read(spec_file.folder)
    locks.expect_fit(lock, spec_file, gather(spec_file).sources)
    path, stale = write(spec_file.folder, lock)
    return Made(path, digest(release_bytes(lock)), stale)


def write(folder: Path, lock: Lock) -> tuple[Path, tuple[str, ...]]:
    """Write release.json beside the lock.

    Returns its path and the names of signatures that were beside another release.json and are gone
    now: over these bytes they are worth nothing.
    """
    path = folder / FILE_NAME
    data = release_bytes(lock)
    if path.exists() and files.read_capped(path, MAX_BYTES) == data:
        return path, ()
    stale = sorted(folder.glob(f"{FILE_NAME}.*.sigstore.json"))
    for signature in stale:
        files.remove(signature)
    files.write_atomic(path, data)
    return path, tuple(signature.name for signature in stale)
