"""Takes programs from the distribution, which guards them with its own signatures.

They are unpacked from their package into the cache, or installed where they need shared libraries.
Their version is the distribution's; a program of another release of Debian (`suite`) has its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from provision import suites
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
    if pin.install:
        _install(pin, progress)
    else:
        _unpack(pin, progress)


def install(packages: Sequence[str], progress: Progress) -> None:
    """Install packages into the system; only root may."""
    with locked("apt", progress):
        words = ["install", "--yes", "--no-install-recommends", *packages]
        _apt(words, packages, progress, cache_folder())


def _install(pin: Pin, progress: Progress) -> None:
    command = f"apt-get install --no-install-recommends {pin.package}"
    if os.geteuid() != 0:
        raise ProvisionError(
            f"{pin.name} {pin.at_least} or newer is not on PATH, and needs root to install",
            f"Run: sudo {command}",
        )
    install([pin.package], progress)
    if shutil.which(pin.name) is None:
        raise ProvisionError(f"{command} brought no {pin.name}", "Put it on PATH by hand.")


def _unpack(pin: Pin, progress: Progress) -> None:
    """Put the binary into the cache, and beside it the folders that the pin names."""
    folder = scratch(pin.batch)
    packages = [pin.package, *pin.more]
    if pin.suite:
        suites.download(pin, packages, folder, progress)
    else:
        with locked("apt", progress):
            _apt(["download", *packages], packages, progress, folder)
    for package in sorted(folder.glob("*.deb")):
        log = cache_folder() / "logs" / f"{pin.name}.log"
        run(["dpkg", "-x", package, folder], log=log, progress=progress)
    binary, *beside = (folder / member.lstrip("/") for member in pin.member)
    for one in beside:
        target = pin.cached.with_name(one.name)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        one.replace(target)
    place(pin, binary)  # last: where it is, what it needs is
    shutil.rmtree(folder)


def _apt(words: list[str], packages: Sequence[str], progress: Progress, folder: Path) -> None:
    """Run apt-get; its lists of packages may be missing or old, so a failure updates them once."""
    logs = cache_folder() / "logs"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt: list[str | Path] = ["apt-get", "-q", "-o", "APT::Sandbox::User=root"]

    def once(words: list[str]) -> None:
        log = logs / f"{packages[0]}-{words[0]}.log"
        run([*apt, *words], log=log, progress=progress, folder=folder, environment=environment)

    try:
        once(words)
    except ProvisionError as missing:
        named = " ".join(packages)
        if os.geteuid() != 0:
            raise ProvisionError(
                f"apt-get found no {named}: {missing}",
                f"Run: sudo apt-get update; or install {named} yourself.",
            ) from missing
        once(["update"])
        once(words)
