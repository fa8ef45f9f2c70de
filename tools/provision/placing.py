"""Puts a finished program into the cache in one step: it is there whole, or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from provision.failures import ProvisionError
from provision.pins import Pin, cache_folder


def scratch(batch: str) -> Path:
    """An empty folder to build in, on the cache's file system; what a killed run left goes."""
    folder = cache_folder() / "building" / batch
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def place(pin: Pin, built: Path) -> None:
    """Move a binary from the scratch folder to its place in the cache."""
    if not built.is_file():
        raise ProvisionError(
            f"{pin.name} {pin.version}: {built} is not there after the build",
            "Its pin in tools/pins.json names something else than what was built.",
        )
    built.chmod(0o755)
    pin.cached.parent.mkdir(parents=True, exist_ok=True)
    built.replace(pin.cached)
