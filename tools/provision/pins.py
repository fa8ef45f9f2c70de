"""The pinned programs of `tools/pins.json`, and where the cache keeps them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from provision.failures import ProvisionError

TOOLS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Pin:
    """One program: its version, how it comes to be, and how a version on PATH is judged."""

    name: str
    version: str
    how: str  # "go", "wheel", "npm" or "deb"
    groups: tuple[str, ...]  # "vendor", "cluster", "test"
    ask: tuple[str, ...]  # arguments that make the program tell its version; empty: any will do
    says: str  # regular expression that finds the version in the answer
    at_least: str
    seconds: int  # to build it cold on two cores
    module: str = ""  # go, npm: the folder in `tools/` with go.mod and go.sum, or package-lock.json
    link_flags: str = ""  # go: without them the program does not know its version
    tags: str = ""  # go: build tags of a second build of a program; it is a batch of its own
    cgo: bool = False  # go: loads C libraries, so the build needs a C compiler
    requirements: str = ""  # wheel: a file of `tools/wheels/`, with hashes
    machines: tuple[str, ...] = ()  # wheel: what `uname -m` may say; empty: anything
    package: str = ""  # go: import path of the command; deb: name of the Debian package
    more: tuple[str, ...] = ()  # deb: packages that `package` can't do without
    suite: str = ""  # deb: the release of Debian that has exactly `version`; empty: this machine's
    optional: bool = False  # outside CI a run without it goes on, and its tests are skipped
    install: bool = False  # deb: needs shared libraries, so apt-get must install it
    # wheel: where the binary is, archive in archive; deb: where it is, and folders it needs beside
    member: tuple[str, ...] = ()

    @property
    def batch(self) -> str:
        """Programs of one batch are built together, under one lock."""
        return self.module if self.how == "go" and not self.tags else self.name

    @property
    def cached(self) -> Path:
        """Where the cache keeps the program (it may not be there yet)."""
        return cache_folder() / "programs" / self.name / self.version / self.name


def cache_folder() -> Path:
    """`$AIRFERRY_CACHE`, else `~/.cache/airferry`."""
    chosen = os.environ.get("AIRFERRY_CACHE")
    return Path(chosen).absolute() if chosen else Path.home() / ".cache" / "airferry"


def load() -> dict[str, Pin]:
    """Every pin by name, in the order of the file, which is the order of building."""
    described = json.loads((TOOLS / "pins.json").read_text(encoding="utf-8"))
    return {name: _pin(name, fields) for name, fields in described.items()}


def _pin(name: str, fields: dict[str, object]) -> Pin:
    lists = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
    return Pin(name=name, **{**fields, **lists})  # type: ignore[arg-type]  # from our own file


def choose(names: list[str], groups: list[str]) -> list[Pin]:
    """The pins named, and those of the groups, each once, in the order of building."""
    pins = load()
    if unknown := sorted(set(names) - set(pins)):
        raise ProvisionError(
            f"{', '.join(unknown)}: not in tools/pins.json", f"It knows: {', '.join(pins)}."
        )
    chosen = [
        pin for pin in pins.values() if pin.name in names or not set(groups).isdisjoint(pin.groups)
    ]
    if not chosen:
        raise ProvisionError("no program is named", "Name programs, or a --group.")
    return chosen
