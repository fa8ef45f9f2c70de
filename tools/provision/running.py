"""Runs one long command with its output in a log, and tells now and then that it still runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

from provision.failures import ProvisionError

_QUIET = 15.0  # seconds between two lines where there is no terminal
_TAIL = 25  # lines of a log that a person wants to see when something failed


class Progress:
    """Says which of how many things is being done, for how long already, and how long it may take.

    On a terminal one line is rewritten every second; elsewhere a line comes now and then.
    """

    def __init__(self, total: int, *, stream: TextIO | None = None) -> None:
        self._total = total
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._at = 0
        self._what = ""
        self._expected = 0
        self._since = self._told = 0.0

    def begin(self, what: str, expected: int) -> None:
        """The next thing starts; `expected` is in seconds."""
        self._at += 1
        self._what, self._expected = what, expected
        self._since = time.monotonic()
        self._told = 0.0
        self.tell()

    def tell(self, doing: str = "") -> None:
        """Say where we are, unless that was said a moment ago."""
        now = time.monotonic()
        if self._told and now - self._told < (1.0 if self._live else _QUIET):
            return
        self._told = now
        about = f" (about {self._expected} s)" if self._expected >= _QUIET else ""
        self._write(f"{doing or self._what}: {now - self._since:.0f} s{about}", "")

    def end(self, result: str) -> None:
        """The thing is done."""
        self._write(f"{self._what}: {result}, {time.monotonic() - self._since:.1f} s", "\n")

    def _write(self, text: str, end: str) -> None:
        place = f"[{self._at}/{self._total}] "
        line = f"{place}{text}\n"
        if self._live:
            # A line that wraps could not be rewritten.
            width = shutil.get_terminal_size().columns - 1
            line = f"\r\x1b[2K{place + text:.{width}}{end}"
        self._stream.write(line)
        self._stream.flush()


def run(
    command: list[str | Path],
    *,
    log: Path,
    progress: Progress,
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
) -> None:
    """Run a command to its end; its output goes to `log`, whose end is shown if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        output.write((" ".join(str(word) for word in command) + "\n").encode())
        output.flush()
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            code = _wait(child, progress)
        except BaseException:
            child.terminate()
            child.wait()
            raise
    if code:
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:])
        raise ProvisionError(f"{command[0]} ended with {code}:\n{end}", f"All of it is in {log}.")


def _wait(child: subprocess.Popen[bytes], progress: Progress) -> int:
    while True:
        try:
            return child.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            progress.tell()
