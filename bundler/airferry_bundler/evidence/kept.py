"""Evidence beside the lock: `evidence/<title>`, written by `lock`, read and compared by `build`.

The lock holds the digests. The files may be committed; where one is missing, `lock` makes it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from airferry_archive.release import Release
from airferry_bundler.content import Evidence
from airferry_bundler.evidence import sbom
from airferry_foundation import files
from airferry_foundation.digests import digest
from airferry_foundation.errors import LockOutdatedError, MissingInputError

FOLDER = "evidence"
_KINDS = ("sbom", "provenance")


def write(folder: Path, evidence: Iterable[Evidence]) -> None:
    """Write what was found out beside the lock; what an earlier lock left there goes."""
    known = {one.title: one.data for one in evidence}
    for kind in _KINDS:
        for path in sorted((folder / FOLDER / kind).rglob("*")):
            if path.is_file() and path.relative_to(folder / FOLDER).as_posix() not in known:
                files.remove(path)
    for title, data in known.items():
        path = folder / FOLDER / title
        files.make_folder(path.parent)
        files.write_atomic(path, data)


def read(folder: Path, release: Release) -> tuple[Evidence, ...]:
    """The evidence that a locked release lists; LockOutdatedError where a file is another one."""
    return tuple(
        Evidence(one.title, _read(folder / FOLDER / one.title, one.digest), one.kind, one.about)
        for one in release.attachments
        if one.kind == "sbom" or one.kind == "provenance"  # noqa: PLR1714 - so that mypy narrows
    )


def _read(path: Path, expected: str) -> bytes:
    again = "Run `airferry-bundler lock` again."
    try:
        data = files.read_capped(path, sbom.MAX_BYTES)
    except MissingInputError:
        raise LockOutdatedError(f"{path}, which airferry.lock names, is not there", again) from None
    if digest(data) != expected:
        raise LockOutdatedError(f"{path} is not the file that airferry.lock names", again)
    return data
