"""Builds programs written in Go from the modules of `tools/`, which pin all sources by hash."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath

from provision import compiler
from provision.pins import TOOLS, Pin, cache_folder
from provision.placing import place, scratch
from provision.running import Progress, run

# Unoptimised code compiles in half the time; signing and the API server are hardly slower for it.
_COMPILER = "all=-N -l"


def build(pins: list[Pin], progress: Progress) -> None:
    """Build programs of one module in one `go build`, which shares the compiled packages."""
    first = pins[0]
    if first.cgo:
        compiler.ensure(first.name, progress)
    folder = scratch(first.batch)
    flags = " ".join(dict.fromkeys(pin.link_flags for pin in pins if pin.link_flags))
    command: list[str | Path] = ["go", "build", "-tags", first.tags, "-gcflags", _COMPILER]
    command += ["-ldflags", f"-s -w {flags}".strip(), "-o", f"{folder}{os.sep}"]
    run(
        [*command, *(pin.package for pin in pins)],
        log=cache_folder() / "logs" / f"{first.batch}.log",
        progress=progress,
        folder=TOOLS / first.module,
        environment=_environment(cgo=first.cgo),
    )
    for pin in pins:
        place(pin, folder / binary_name(pin.package))
    shutil.rmtree(folder)


def binary_name(package: str) -> str:
    """What `go build` names the program: the last element of its path that is no version."""
    path = PurePosixPath(package)
    return path.parent.name if re.fullmatch(r"v[0-9]+", path.name) else path.name


def _environment(*, cgo: bool) -> dict[str, str]:
    pinned = {"CGO_ENABLED": str(int(cgo)), "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false"}
    return {**os.environ, **pinned, "GOWORK": "off"}
