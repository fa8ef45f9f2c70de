"""Finds the programs that Airferry runs: on PATH if new enough, else in the cache of `tools/`."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from airferry_foundation import process
from airferry_foundation.errors import AirferryError, ProgramMissingError


@dataclass(frozen=True, slots=True)
class Need:
    """What is needed of a program: the least version, and how to ask for it."""

    at_least: tuple[int, ...]
    ask: tuple[str, ...]
    purpose: str


NEEDS = {
    "cosign": Need((3, 0, 4), ("version",), "to sign, and to check signatures a second time"),
    "helm": Need((3, 14), ("version", "--short"), "to render charts"),
    "kubectl": Need((1, 28), ("version", "--client"), "to reach the cluster with your own login"),
    "syft": Need((1, 0), ("version",), "to list what is in images (SBOM)"),
    "ssh-keygen": Need((), (), "to check and make SSH signatures by hand"),
}

_VERSION = re.compile(r"v?([0-9]+)\.([0-9]+)(?:\.([0-9]+))?")


def cache_folder() -> Path:
    """Where `tools/` keeps the programs that it built: $AIRFERRY_CACHE, else ~/.cache/airferry."""
    chosen = os.environ.get("AIRFERRY_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "airferry"


def find(name: str) -> Path:
    """The path of a fitting program; ProgramMissing with what was found and what to do."""
    found = _search(name)
    if isinstance(found, Path):
        return found
    need = NEEDS[name]
    wanted = ".".join(map(str, need.at_least))
    raise ProgramMissingError(
        f"{name}{f' {wanted} or newer' if wanted else ''} is needed {need.purpose}; {found}",
        f"Put a fitting {name} on PATH, then give the same command again.",
    )


def available(name: str) -> Path | None:
    """Like `find`, but None where there is no fitting program."""
    found = _search(name)
    return found if isinstance(found, Path) else None


@cache
def _search(name: str) -> Path | str:
    refused = "none was found on PATH"
    for candidate in _candidates(name):
        version = version_of(name, candidate)
        if version is not None and version >= NEEDS[name].at_least:
            return candidate
        refused = (
            f"{candidate} is {'.'.join(map(str, version)) if version else 'of unknown version'}"
        )
    return refused


def _candidates(name: str) -> list[Path]:
    on_path = shutil.which(name)
    cached = sorted((cache_folder() / "programs" / name).glob(f"*/{name}"), reverse=True)
    return ([Path(on_path)] if on_path else []) + cached


def version_of(name: str, path: Path) -> tuple[int, ...] | None:
    """The version that a program says it has, None if it says nothing of the kind."""
    need = NEEDS[name]
    if not need.ask:
        return ()
    if path.parents[2:3] == (cache_folder() / "programs",):  # built there, under its version
        return _numbers(path.parent.name)
    try:
        done = process.run([path, *need.ask], timeout=20)
    except AirferryError:
        return None
    return _numbers((done.stdout + done.stderr).decode(errors="replace"))


def _numbers(text: str) -> tuple[int, ...] | None:
    match = _VERSION.search(text)
    return tuple(int(part or 0) for part in match.groups()) if match else None
