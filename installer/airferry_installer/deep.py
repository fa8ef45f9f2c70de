"""`load --deep`: every byte of a release, fetched from the registry and hashed.

A registry answers for a damaged blob as for a sound one, and an upload over it mends nothing (its
storage has it already): only reading tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from airferry_archive.release import Blob, Release
from airferry_foundation.errors import (
    RegistryDeniedError,
    RegistryError,
    RegistryMismatchError,
    RegistryUnreachableError,
)
from airferry_foundation.progress import SILENT, Progress, Task
from airferry_installer import holdings
from airferry_registry import pull
from airferry_registry.client import RegistryClient

WORKERS = 4
_LISTED = 20


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was read back."""

    blobs: int
    bytes: int

    def numbers(self) -> dict[str, int]:
        """Both by name, for the journal."""
        return {"blobs": self.blobs, "bytes_read": self.bytes}


@dataclass(frozen=True, slots=True)
class _Wanted:
    repository: str
    blob: Blob


def fetch_all(
    client: RegistryClient,
    release: Release,
    places: Mapping[str, str],
    *,
    progress: Progress = SILENT,
) -> Fetched:
    """Fetch and hash all that a release needs, each blob once: repositories share their storage.

    RegistryMismatchError lists all that is damaged or gone; other registry errors stop it.
    """
    wanted = [
        _Wanted(places[one], blob) for blob in holdings.pushed(release) for one in blob.repositories
    ]
    total = sum(one.blob.size for one in wanted)
    task = progress.start("Reading back", total)
    with ThreadPoolExecutor(WORKERS) as pool:
        wrong = [one for one in pool.map(lambda one: _check(client, one, task), wanted) if one]
    task.finish()
    if wrong:
        raise _damaged(client, wrong)
    return Fetched(len(wanted), total)


def _check(client: RegistryClient, wanted: _Wanted, task: Task) -> str:
    """What is wrong with one blob in one repository, '' if nothing."""
    blob = wanted.blob
    try:
        if holdings.is_manifest(blob):
            client.manifest(wanted.repository, blob.digest)
            task.advance(blob.size)
        else:
            pull.fetch(
                client, wanted.repository, blob.digest, blob.size, lambda _chunk: None, task=task
            )
    except (RegistryUnreachableError, RegistryDeniedError):
        raise
    except RegistryError as error:
        return f"  {wanted.repository}@{blob.digest}: {error.message}"
    return ""


def _damaged(client: RegistryClient, wrong: Sequence[str]) -> RegistryMismatchError:
    listed = "\n".join(wrong[:_LISTED])
    more = len(wrong) - _LISTED
    listed += f"\n  and {more} more" if more > 0 else ""
    return RegistryMismatchError(
        f"the storage of the registry {client.settings.origin} is damaged: {len(wrong)} blobs "
        f"can't be read back as they were sent:\n{listed}",
        "Loading again does not mend this: the registry believes that it has them. Remove these "
        "blobs from its storage (delete, then its garbage collection), check its disk, then load.",
    )
