"""Downloads packages of another release of Debian, by an apt that knows nothing but that release.

apt checks them by Debian's own keys, as ever. Its lists live and end in the scratch folder: nothing
of the system's apt is read but how it reaches the network, and nothing is installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provision.failures import ProvisionError
from provision.pins import Pin, cache_folder
from provision.running import Progress, run

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Debian moves a release from the first to the second, some time after its end.
ARCHIVES = ("http://deb.debian.org/debian", "http://archive.debian.org/debian")

_SOURCE = """\
Types: deb
URIs: {archive}
Suites: {suite}
Components: main
Targets: Packages
Check-Valid-Until: no
Signed-By: {keyring}
"""


def download(pin: Pin, packages: Sequence[str], folder: Path, progress: Progress) -> None:
    """Download packages of `pin.suite`, of exactly `pin.version`, as .deb files into `folder`."""
    if not KEYRING.is_file():
        raise ProvisionError(
            f"{pin.name} comes from Debian's {pin.suite}, and {KEYRING} is not there to check it",
            f"Install debian-archive-keyring; or put {pin.name} on PATH.",
        )
    wanted = [f"{package}={pin.version}" for package in packages]
    log = cache_folder() / "logs" / f"{pin.name}-apt.log"
    refused = ""
    for number, archive in enumerate(ARCHIVES):
        apt = _private_apt(pin.suite, archive, folder / f"apt-{number}")
        try:
            for words in (["update"], ["download", *wanted]):
                run([*apt, *words], log=log, progress=progress, folder=folder)
        except ProvisionError as error:
            refused += f"\n{archive}: {error}"
        else:
            return
    raise ProvisionError(
        f"no archive of Debian gave {' '.join(wanted)}:{refused}",
        f"Reach {ARCHIVES[0]} by apt; or put {pin.name} on PATH.",
    )


def _private_apt(suite: str, archive: str, folder: Path) -> list[str | Path]:
    """The start of an apt-get command that keeps its sources and state in `folder`."""
    sources = folder / "sources"
    for path in (sources, folder / "lists" / "partial", folder / "archives" / "partial"):
        path.mkdir(parents=True)
    text = _SOURCE.format(archive=archive, suite=suite, keyring=KEYRING)
    (sources / "debian.sources").write_text(text, encoding="utf-8")
    (folder / "status").touch()
    settings = {
        "APT::Sandbox::User": "root",
        "Dir::Cache": folder,
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": sources,
        "Dir::State": folder,
        "Dir::State::status": folder / "status",
    }
    command: list[str | Path] = ["apt-get", "-q"]
    for name, value in settings.items():
        command += ["-o", f"{name}={value}"]
    return command
