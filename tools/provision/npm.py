"""Installs programs made of npm packages: `npm ci`, which checks each against the lock's hash.

The program is a script of `tools/`, named as the pin is; its packages lie beside it in the cache.
No package may run a script of its own while it is installed.
"""

from __future__ import annotations

import os
import shutil

from provision.failures import ProvisionError
from provision.pins import TOOLS, Pin, cache_folder
from provision.placing import place, scratch
from provision.running import Progress, run

_WORDS = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev")


def install(pin: Pin, progress: Progress) -> None:
    """Put the script and the packages that its lock names into the cache."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise ProvisionError(
            f"{pin.name} is written for node, and there is no node or no npm on PATH",
            "Install Node.js 20.17 or newer with npm; without it the test that uses it is skipped.",
        )
    folder = scratch(pin.batch)
    shutil.copytree(TOOLS / pin.module, folder, dirs_exist_ok=True)
    run(
        [npm, *_WORDS],
        log=cache_folder() / "logs" / f"{pin.name}.log",
        progress=progress,
        folder=folder,
        environment={**os.environ, "NPM_CONFIG_UPDATE_NOTIFIER": "false"},
    )
    target = pin.cached.parent
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in ("package.json", "node_modules"):
        (folder / name).replace(target / name)
    place(pin, folder / pin.name)  # last: where it is, its packages are
    shutil.rmtree(folder)
