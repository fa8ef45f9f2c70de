"""The one module that runs programs: by list, with a timeout and a clean environment.

Secrets go through `environment` or `input`, never through arguments, and neither is ever part of
an error: only the program's name and the end of its stderr are.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from airferry_foundation.errors import ProgramFailedError, ProgramMissingError, ProgramTimeoutError

_KEPT = ("PATH", "HOME", "TMPDIR", "USER", "LOGNAME", "SSL_CERT_FILE", "SSL_CERT_DIR")
_STDERR_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program left: its exit code and its output."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def complaint(self) -> str:
        """The end of stderr, for a message."""
        return self.stderr[-_STDERR_SHOWN:].decode(errors="replace").strip()


def environment_of(
    extra: Mapping[str, str] | None = None, *, inherit: bool = False
) -> dict[str, str]:
    """The environment for a child: a few harmless variables, or (`inherit`) all of ours.

    `inherit` is for programs that hold the customer's login plugins (kubectl, docker credential
    helpers), which find their settings in variables that we can't list.
    """
    kept = dict(os.environ) if inherit else {k: os.environ[k] for k in _KEPT if k in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", **(extra or {})}


def run(
    arguments: Sequence[str | Path],
    *,
    input: bytes = b"",  # noqa: A002 - the word that subprocess uses
    timeout: float = 120,
    environment: Mapping[str, str] | None = None,
    inherit: bool = False,
    folder: Path | None = None,
) -> Finished:
    """Run a program to its end, whatever its exit code; ProgramMissing, ProgramTimeout."""
    command = [str(argument) for argument in arguments]
    try:
        done = subprocess.run(
            command,
            input=input,
            capture_output=True,
            timeout=timeout,
            env=environment_of(environment, inherit=inherit),
            cwd=folder,
            check=False,
        )
    except FileNotFoundError:
        raise ProgramMissingError(f"{command[0]} can't be started: it is not there") from None
    except PermissionError:
        raise ProgramMissingError(f"{command[0]} can't be started: no permission") from None
    except subprocess.TimeoutExpired:
        raise ProgramTimeoutError(
            f"{Path(command[0]).name} did not end within {timeout:g} s"
        ) from None
    return Finished(done.returncode, done.stdout, done.stderr)


def checked(
    arguments: Sequence[str | Path],
    *,
    input: bytes = b"",  # noqa: A002 - the word that subprocess uses
    timeout: float = 120,
    environment: Mapping[str, str] | None = None,
    inherit: bool = False,
    folder: Path | None = None,
) -> bytes:
    """Run a program that must exit with 0 and return its stdout; else ProgramFailed."""
    done = run(
        arguments,
        input=input,
        timeout=timeout,
        environment=environment,
        inherit=inherit,
        folder=folder,
    )
    if done.code != 0:
        name = Path(str(arguments[0])).name
        raise ProgramFailedError(f"{name} failed with exit code {done.code}: {done.complaint}")
    return done.stdout


@contextmanager
def service(
    arguments: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    inherit: bool = False,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program beside us for the length of the body, then end it and wait for it.

    Where there is setpriv (util-linux), the kernel ends it also if we are killed ourselves.
    """
    command = [*_dying_with_us(), *(str(argument) for argument in arguments)]
    program = str(arguments[0])
    if shutil.which(program) is None:
        raise ProgramMissingError(f"{program} can't be started: it is not there")
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment_of(environment, inherit=inherit),
        )
    try:
        yield child
    finally:
        _end(child)


def _dying_with_us() -> list[str]:
    """The words that make a child get SIGKILL when its parent is gone (prctl PR_SET_PDEATHSIG)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def await_path(path: Path, child: subprocess.Popen[bytes], *, timeout: float, log: Path) -> None:
    """Wait until a service has made `path` (its socket); ProgramFailed if it ends or stalls."""
    deadline = time.monotonic() + timeout
    while not path.exists():
        if child.poll() is not None:
            complaint = log.read_bytes()[-_STDERR_SHOWN:].decode(errors="replace").strip()
            raise ProgramFailedError(f"{log.stem} ended with {child.returncode}: {complaint}")
        if time.monotonic() > deadline:
            raise ProgramTimeoutError(f"{path.name} did not appear within {timeout:g} s")
        time.sleep(0.01)


def _end(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
