"""Takes programs from the distribution, which guards them with its own signatures.

They are unpacked from their package into the cache, or installed where they need shared libraries.
Their version is the distribution's.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from provision.failures import ProvisionError
from provision.locking import locked
from provision.pins import Pin, cache_folder
from provision.placing import place, scratch
from provision.running import Progress, run


def fetch(pin: Pin, progress: Progress) -> None:
    """Bring a program of a Debian package: into the cache, or (with `install`) into the system."""
    if shutil.which("apt-get") is None:
        raise ProvisionError(
            f"{pin.name} {pin.at_least} or newer is not on PATH, and there is no apt-get",
            f"Install {pin.name}; Debian has it in the package {pin.package}.",
        )
    with locked("apt", progress):
        if pin.install:
            _install(pin, progress)
        else:
            _unpack(pin, progress)


def _install(pin: Pin, progress: Progress) -> None:
    command = f"apt-get install --no-install-recommends {pin.package}"
    if os.geteuid() != 0:
        raise ProvisionError(
            f"{pin.name} {pin.at_least} or newer is not on PATH, and needs root to install",
            f"Run: sudo {command}",
        )
    _apt(
        ["install", "--yes", "--no-install-recommends", pin.package], pin, progress, cache_folder()
    )
    if shutil.which(pin.name) is None:
        raise ProvisionError(f"{command} brought no {pin.name}", "Put it on PATH by hand.")


def _unpack(pin: Pin, progress: Progress) -> None:
    folder = scratch(pin.batch)
    _apt(["download", pin.package], pin, progress, folder)
    package = next(folder.glob("*.deb"))
    log = cache_folder() / "logs" / f"{pin.name}.log"
    run(["dpkg", "-x", package, folder], log=log, progress=progress)
    place(pin, folder / pin.member[0].lstrip("/"))
    shutil.rmtree(folder)


def _apt(arguments: list[str], pin: Pin, progress: Progress, folder: Path) -> None:
    """Run apt-get; its lists of packages may be missing or old, so a failure updates them once."""
    logs = cache_folder() / "logs"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt: list[str | Path] = ["apt-get", "-q", "-o", "APT::Sandbox::User=root"]

    def once(words: list[str]) -> None:
        log = logs / f"{pin.name}-{words[0]}.log"
        run([*apt, *words], log=log, progress=progress, folder=folder, environment=environment)

    try:
        once(arguments)
    except ProvisionError as missing:
        if os.geteuid() != 0:
            raise ProvisionError(
                f"apt-get found no {pin.package}: {missing}",
                f"Run: sudo apt-get update; or install {pin.package} yourself.",
            ) from missing
        once(["update"])
        once(arguments)
