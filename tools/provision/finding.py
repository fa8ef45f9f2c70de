"""Looks for a program that is there already: the pinned one in the cache, or a fitting one on PATH.

The cache goes first: what was built for this project is what its tests have run with.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from provision.pins import Pin

_PATIENCE = 20  # seconds that a program has to tell its version


def find(pin: Pin) -> Path | None:
    """The path of a program that fits the pin, None where there is none yet."""
    if pin.cached.is_file():
        return pin.cached
    on_path = shutil.which(pin.name)
    if on_path is not None and fits(pin, Path(on_path)):
        return Path(on_path)
    return None


def fits(pin: Pin, program: Path) -> bool:
    """Whether a program says a version of at least `at_least` and of the same major as pinned."""
    if not pin.ask:
        return True
    found = version_of(pin, program)
    if found is None or found < numbers(pin.at_least):
        return False
    return pin.how != "go" or found[0] == numbers(pin.version)[0]


def version_of(pin: Pin, program: Path) -> tuple[int, ...] | None:
    """The version that a program says it has; None where it says nothing of the kind."""
    try:
        done = subprocess.run(
            [program, *pin.ask],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(pin.says, (done.stdout + done.stderr).decode(errors="replace"))
    return numbers(match.group(1)) if match else None


def numbers(version: str) -> tuple[int, ...]:
    """`3.1.2` as (3, 1, 2), to compare."""
    return tuple(int(part) for part in version.split("."))
