"""airferry.lock: everything that was found out, so that release.json follows from it alone.

Committed beside airferry.yaml: indented JSON with sorted keys, so that a change of one image shows
as a change of a few lines. It holds a digest of the spec and of each local file that the spec
names; where one differs, the lock is stale and nothing is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from airferry_archive.release import Line, Release, Repository
from airferry_bundler.spec import Spec, SpecFile, image_source
from airferry_foundation import documents, files
from airferry_foundation.digests import Digest, digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import DocumentError, LockOutdatedError, MissingInputError

SCHEMA = "airferry.lock/v1"
FILE_NAME = "airferry.lock"
MAX_BYTES = 32 << 20

_LOCK_AGAIN = "Run `airferry-bundler lock` again, read its difference, then go on."


class Lock(Document, frozen=True, kw_only=True):
    """What `lock` found.

    `sources` are the local files and folders that the spec names, with digests of their content.
    `origins` say where the blobs of each repository of the bundle come from, in the words of the
    spec: an image reference, `oci:…`, `docker-archive:…`; what we pack ourselves has none.
    `unrendered` are values that look like images but were in no rendered workload.
    """

    schema: Literal["airferry.lock/v1"]
    spec: Digest
    sources: dict[Line, Digest]
    origins: dict[Repository, tuple[Line, ...]]
    unrendered: tuple[Line, ...] = ()
    release: Release


def encode(lock: Lock) -> bytes:
    """The bytes of the file."""
    return msgspec.json.format(documents.encode(lock), indent=2) + b"\n"


def decode(data: bytes, *, name: str = FILE_NAME) -> Lock:
    """A lock out of its bytes; DocumentError where they are not what `encode` writes."""
    try:
        plain = msgspec.json.decode(data, type=dict[str, Any])
        lock = documents.decode(documents.encode(plain), Lock, name=name, cap=MAX_BYTES)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(f"{name} is not JSON: {error}", _LOCK_AGAIN) from None
    if encode(lock) != data:
        raise DocumentError(f"{name} was edited by hand", _LOCK_AGAIN)
    return lock


def read(folder: Path) -> Lock:
    """The lock beside a spec; MissingInputError where there is none."""
    path = folder / FILE_NAME
    if not path.exists():
        raise MissingInputError(f"{path} does not exist", "Run `airferry-bundler lock` first.")
    return decode(files.read_capped(path, MAX_BYTES), name=str(path))


def write(folder: Path, lock: Lock) -> Path:
    """Write the lock beside its spec."""
    path = folder / FILE_NAME
    files.write_atomic(path, encode(lock))
    return path


def expect_fit(lock: Lock, spec_file: SpecFile, sources: Mapping[str, str]) -> None:
    """LockOutdatedError, naming what moved, unless the lock was made from this spec and files."""
    path = spec_file.folder / FILE_NAME
    if lock.spec != spec_digest(spec_file.spec):
        raise LockOutdatedError(f"{path} was made from another {spec_file.path.name}", _LOCK_AGAIN)
    moved = [name for name, value in sorted(sources.items()) if lock.sources.get(name) != value]
    moved += sorted(set(lock.sources) - set(sources))
    if moved:
        raise LockOutdatedError(f"changed since {path} was made: {', '.join(moved)}", _LOCK_AGAIN)


def spec_digest(spec: Spec) -> str:
    """A digest of what a spec says.

    Left out is what can't reach a release: comments, the order of entries that have none, and how
    registries are reached.
    """
    plain = msgspec.to_builtins(spec)
    del plain["registries"]
    plain["images"] = [msgspec.to_builtins(image_source(entry)) for entry in spec.images]
    for chart in plain["charts"]:
        chart["render_with"] = _unordered(chart["render_with"])
    for given in plain["inputs"].values():
        given["to"] = _unordered(given["to"])
    for party in ("customers", "environments"):
        if not isinstance(plain["audience"][party], str):
            plain["audience"][party] = _unordered(plain["audience"][party])
    for key, value in plain.items():
        if isinstance(value, (list, tuple)):
            plain[key] = _unordered(value)
    return digest(documents.encode(plain))


def _unordered(entries: Any) -> list[Any]:
    return sorted(entries, key=documents.encode)
