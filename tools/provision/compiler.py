"""A C compiler with the headers of C's library, for programs in Go that load C libraries."""

from __future__ import annotations

import os
import shutil
import subprocess

from provision import debian
from provision.failures import ProvisionError
from provision.running import Progress

_PACKAGES = ("gcc", "libc6-dev")


def ensure(program: str, progress: Progress) -> None:
    """Install gcc where it is missing and we may; else ProvisionError with what to do."""
    if works():
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ProvisionError(
            f"{program} is built with a C compiler, and there is no gcc that finds C's headers",
            f"Run: sudo apt-get install {' '.join(_PACKAGES)} (or what gives your system gcc).",
        )
    debian.install(_PACKAGES, progress)
    if not works():
        raise ProvisionError(
            f"{program} is built with a C compiler; gcc is installed and compiles nothing",
            "Try it: echo '#include <stdlib.h>' | gcc -fsyntax-only -x c -",
        )


def works() -> bool:
    """Whether gcc is on PATH and finds the headers (a gcc without libc6-dev does not)."""
    gcc = shutil.which("gcc")
    if gcc is None:
        return False
    command = [gcc, "-fsyntax-only", "-x", "c", "-"]
    source = b"#include <stdlib.h>\n"
    return subprocess.run(command, input=source, capture_output=True, check=False).returncode == 0
