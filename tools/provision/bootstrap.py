"""A small environment in the cache with pip and uv, pinned by hash: it fetches and makes the rest.

Debian's Python refuses to install beside its own packages and may have no pip at all; `venv` brings
one. The folder is named after the hash of its requirements, so a new pin makes a new one.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

from provision.locking import locked
from provision.pins import TOOLS, cache_folder
from provision.running import Progress, run

_REQUIREMENTS = TOOLS / "uv-requirements.txt"


def ensure(progress: Progress) -> Path:
    """The `bin` folder of the bootstrap environment, made if it is not there yet."""
    name = hashlib.sha256(_REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = cache_folder() / "bootstrap" / name
    ready = folder / "ready"
    if ready.exists():
        return folder / "bin"
    with locked("bootstrap", progress):
        if not ready.exists():
            _make(folder, progress)
            ready.touch()
    return folder / "bin"


def _make(folder: Path, progress: Progress) -> None:
    # Made in place: an environment knows its own path, so it could not be moved here afterwards.
    shutil.rmtree(folder, ignore_errors=True)
    logs = cache_folder() / "logs"
    run([sys.executable, "-m", "venv", folder], log=logs / "venv.log", progress=progress)
    pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "install", "--no-deps"]
    pip += ["--disable-pip-version-check", "--require-hashes", "-r", _REQUIREMENTS]
    run(pip, log=logs / "uv.log", progress=progress)
