"""Makes `.venv` from the hashed `uv.lock`, after naming everything that this machine lacks for it.

python3 tools/environment.py         check, then make .venv
python3 tools/environment.py check   only check; exit 1 with the names of what is missing
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from provision import bootstrap
from provision.failures import ProvisionError
from provision.pins import TOOLS, cache_folder
from provision.running import Progress, run

_ROOT = TOOLS.parent
_GO = (1, 26)
_PYTHON = (3, 11)


def main(arguments: list[str]) -> int:
    """Exit status 0 when all is there, 1 with what is missing and what to do."""
    if problems := _missing():
        print("\n".join(["Airferry needs:", *(f"  - {problem}" for problem in problems)]))
        return 1
    if arguments == ["check"]:
        return 0
    try:
        _synchronise()
    except ProvisionError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return 1
    return 0


def _missing() -> list[str]:
    """Every prerequisite that is not there, each with where it comes from."""
    problems = [
        f"{program}: apt-get install {program}"
        for program in ("git", "make")
        if shutil.which(program) is None
    ]
    if sys.version_info < _PYTHON:
        problems.append(f"Python 3.11 or newer ({sys.executable} is {sys.version.split()[0]})")
    if importlib.util.find_spec("ensurepip") is None:
        problems.append("Python's venv: apt-get install python3-venv")
    if (found := _go_version()) < _GO:
        had = f"found {'.'.join(map(str, found))}" if found else "none on PATH"
        problems.append(f"Go 1.26 or newer ({had}): https://go.dev/dl/")
    return problems


def _go_version() -> tuple[int, ...]:
    """The version of the go on PATH, () where there is none."""
    go = shutil.which("go")
    if go is None:
        return ()
    told = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, check=False, cwd=TOOLS, text=True
    )
    match = re.search(r"go(\d+)\.(\d+)", told.stdout)
    return tuple(int(part) for part in match.groups()) if match else ()


def _synchronise() -> None:
    progress = Progress(1)
    progress.begin("environment .venv from uv.lock", 10)
    uv = bootstrap.ensure(progress) / "uv"
    command: list[str | Path] = [uv, "sync", "--frozen", "--compile-bytecode"]
    command += ["--python", sys.executable]
    # uv would take a foreign active environment, or fetch a Python of its own.
    environment = {name: text for name, text in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= {"UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": ".venv"}
    environment["UV_CACHE_DIR"] = str(cache_folder() / "uv")
    log = cache_folder() / "logs" / "environment.log"
    run(command, log=log, progress=progress, folder=_ROOT, environment=environment)
    _compile_rooms()
    progress.end("ready")


def _compile_rooms() -> None:
    """Compile our own modules: where PYTHONDONTWRITEBYTECODE is set, each start would do it."""
    rooms = [str(package.parent) for package in _ROOT.glob("*/airferry_*")]
    python = _ROOT / ".venv" / "bin" / "python"
    subprocess.run([python, "-m", "compileall", "-q", *rooms], check=False, cwd=_ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
