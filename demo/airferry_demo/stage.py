"""Tells the story and runs its commands, the way a person would type them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SHOWN_LINES = 24
_PROGRAMS = Path(sys.executable).parent


class DemoFailed(Exception):  # noqa: N818 - reads as what is the case
    """A step did not do what the story says."""


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of the table at the end."""

    what: str
    seconds: float
    result: str


@dataclass(slots=True)
class Stage:
    """Where the demo speaks: acts, steps, commands; remembers what was done."""

    folder: Path
    deeds: list[Deed] = field(default_factory=list)

    def act(self, title: str) -> None:
        """A heading for an act."""
        print(f"\n\n{_bold(title)}\n{'=' * len(title)}", flush=True)

    def step(self, title: str, *lines: str) -> None:
        """A heading for a step, and what it is about."""
        print(f"\n{_bold(title)}", flush=True)
        for line in lines:
            self.say(line)

    def say(self, text: str) -> None:
        """A line of the story."""
        print(f"  {text}", flush=True)

    def did(self, what: str, seconds: float, result: str = "") -> None:
        """Note something for the table."""
        self.deeds.append(Deed(what, seconds, result))

    def actor(self, folder: Path, *, within: Sequence[str] = (), **environment: str) -> Actor:
        """Somebody who types commands in `folder`, perhaps inside a namespace."""
        folder.mkdir(parents=True, exist_ok=True)
        return Actor(self, folder, tuple(within), environment)


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody at a terminal: runs commands, shows them and what they answer."""

    stage: Stage
    folder: Path
    within: tuple[str, ...]
    environment: dict[str, str]

    def run(
        self, *command: str | Path, expect: int | None = 0, note: str = "", quiet: bool = False
    ) -> str:
        """Run a command; it must exit with `expect` (None: anything but 0). Returns its stdout."""
        words = [str(word) for word in command]
        print(f"\n  $ {_typed(words)}", flush=True)
        begun = time.monotonic()
        done = subprocess.run(
            [*self.within, *_found(words)],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        seconds = time.monotonic() - begun
        refused = expect is None and done.returncode != 0
        as_told = refused or done.returncode == expect
        self._show(done.stdout + done.stderr, limit=3 if quiet and as_told else _SHOWN_LINES)
        if expect != 0:
            print(f"    (exit code {done.returncode})", flush=True)
        if not as_told:
            expected = "a refusal" if expect is None else f"exit code {expect}"
            raise DemoFailed(f"{_typed(words)}: expected {expected}, got {done.returncode}")
        if note:
            self.stage.did(note, seconds)
        return done.stdout

    def _show(self, text: str, *, limit: int) -> None:
        lines = [line for line in text.splitlines() if line.strip()]
        for line in lines[:limit]:
            print(f"    {line}", flush=True)
        if len(lines) > limit:
            print(f"    … {len(lines) - limit} more lines", flush=True)


def _found(words: list[str]) -> list[str]:
    own = _PROGRAMS / words[0]
    return [str(own), *words[1:]] if own.exists() else words


def _typed(words: list[str]) -> str:
    return " ".join(
        word if re.fullmatch(r"[\w./:=@,-]+", word) else shlex.quote(word) for word in words
    )


def _bold(text: str) -> str:
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
    return text if plain else f"\033[1m{text}\033[0m"
