"""Packages of Debian: unpacked with what a program needs beside it, and of an older release."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from provision import compiler, debian, suites
from provision.failures import ProvisionError
from provision.pins import Pin, load
from provision.providing import provide
from provision.running import Progress

PutProgram = Callable[[str, str], Path]
PYTHON = load()["python3.9"]

# Writes down what it is asked; gives the packages of $folder where the archive is the wanted one.
APT = """\
#!/bin/sh
echo "$@" >>{folder}/asked
case "$*" in *" update") exit 0;; esac
for word; do case "$word" in Dir::Etc::sourceparts=*) grep -q '{archive}' "${{word#*=}}"/* || {{
    echo 'E: no such package'; exit 100; }};; esac; done
cp {folder}/*.deb .
"""


def silent() -> Progress:
    return Progress(1, stream=io.StringIO())


@pytest.fixture
def put_apt(put_program: PutProgram, tmp_path: Path) -> Callable[[str], Path]:
    """Puts an apt-get on PATH that has python3.9's package; gives back the file of its words."""

    def put(archive: str) -> Path:
        folder = tmp_path / "archive"
        tree = folder / "tree"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN" / "control").write_text(
            "Package: python3.9-minimal\nVersion: 3.9.2-1\nArchitecture: all\n"
            "Maintainer: Nobody <nobody@example.org>\nDescription: nothing\n"
        )
        for name, text in (("usr/bin/python3.9", "#!/bin/sh\n"), ("usr/lib/python3.9/os.py", "")):
            (tree / name).parent.mkdir(parents=True)
            (tree / name).write_text(text)
        command = ["dpkg-deb", "--root-owner-group", "--build", tree, folder / "python.deb"]
        subprocess.run(command, check=True, capture_output=True)
        put_program("apt-get", "").write_text(APT.format(folder=folder, archive=archive))
        return folder / "asked"

    return put


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keyring.gpg"
    path.touch()
    monkeypatch.setattr(suites, "KEYRING", path)
    return path


@pytest.mark.program("dpkg-deb")
@pytest.mark.parametrize("archive", suites.ARCHIVES)
def test_a_program_of_an_older_release_comes_with_its_library(
    archive: str, put_apt: Callable[[str], Path], keyring: Path, cache: Path
) -> None:
    asked = put_apt(archive)
    debian.fetch(PYTHON, silent())
    assert PYTHON.cached.read_text() == "#!/bin/sh\n"
    assert PYTHON.cached.with_name("lib").joinpath("python3.9/os.py").is_file()
    assert list((cache / "building").iterdir()) == []
    words = asked.read_text()
    assert words.count(" update\n") == 1 + suites.ARCHIVES.index(archive)
    assert "libpython3.9-minimal=3.9.2-1 libpython3.9-stdlib=3.9.2-1" in words
    assert f"Dir::State={cache}" in words
    debian.fetch(PYTHON, silent())  # again: what a run that was ended left is replaced
    assert PYTHON.cached.is_file()
    assert keyring.is_file()


@pytest.mark.program("dpkg-deb")
def test_every_archive_that_refused_is_named(put_apt: Callable[[str], Path], keyring: Path) -> None:
    put_apt(f"nowhere beside {keyring}")
    with pytest.raises(
        ProvisionError, match=r"no archive of Debian gave python3\.9-minimal="
    ) as no:
        debian.fetch(PYTHON, silent())
    for archive in suites.ARCHIVES:
        assert archive in str(no.value)
    assert "put python3.9 on PATH" in no.value.hint


def test_without_the_keys_of_debian_nothing_is_asked(
    put_program: PutProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program("apt-get", "")
    monkeypatch.setattr(suites, "KEYRING", tmp_path / "gone.gpg")
    outcome = provide([replace(PYTHON, name="python3.9-of-a-test")])[0]
    assert "gone.gpg is not there to check it" in outcome.problem
    assert "Install debian-archive-keyring" in outcome.hint


def test_the_private_apt_trusts_the_keys_of_debian_alone(tmp_path: Path) -> None:
    words = suites._private_apt("bullseye", suites.ARCHIVES[0], tmp_path / "apt")
    (source,) = (tmp_path / "apt" / "sources").iterdir()
    assert f"Signed-By: {suites.KEYRING}\n" in source.read_text()
    assert "Suites: bullseye\n" in source.read_text()
    assert "Dir::Etc::sourcelist=/dev/null" in words


# --- a C compiler ---------------------------------------------------------------------------------


def no_gcc(put_program: PutProgram, code: int = 1) -> Path:
    """A gcc that finds no headers."""
    gcc = put_program("gcc", "")
    gcc.write_text(f"#!/bin/sh\nexit {code}\n")
    return gcc


def pkcs11(name: str = "cosign-pkcs11-of-a-test") -> Pin:
    return replace(load()["cosign-pkcs11"], name=name)


def test_without_a_compiler_it_is_told_what_to_install(
    put_program: PutProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_gcc(put_program)
    put_program("go", "")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    outcome = provide([pkcs11()])[0]
    assert "no gcc that finds C's headers" in outcome.problem
    assert outcome.hint.startswith("Run: sudo apt-get install gcc libc6-dev")


def test_root_gets_the_compiler_installed(
    put_program: PutProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    gcc = no_gcc(put_program)
    asked = tmp_path / "asked"
    apt = put_program("apt-get", "")
    apt.write_text(f"#!/bin/sh\necho \"$@\" >{asked}\nprintf '#!/bin/sh\\n' >{gcc}\n")
    compiler.ensure("cosign-pkcs11", silent())
    assert asked.read_text().endswith("--no-install-recommends gcc libc6-dev\n")
    assert compiler.works()


def test_a_compiler_that_still_compiles_nothing_is_named(
    put_program: PutProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    no_gcc(put_program)
    put_program("apt-get", "")
    with pytest.raises(ProvisionError, match="compiles nothing"):
        compiler.ensure("cosign-pkcs11", silent())


def test_a_machine_without_any_gcc_has_no_compiler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not compiler.works()


# --- builds of one program in two forms -----------------------------------------------------------


def test_a_build_with_tags_is_a_batch_of_its_own(put_program: PutProgram, tmp_path: Path) -> None:
    no_gcc(put_program, code=0)
    asked = tmp_path / "asked"
    go = put_program("go", "")
    go.write_text(f'#!/bin/sh\necho "$CGO_ENABLED $@" >>{asked}\nexit 1\n')
    plain = replace(load()["cosign"], name="cosign-of-a-test")
    provide([plain, pkcs11()])
    first, second = asked.read_text().splitlines()
    assert first.startswith("0 build -tags  -gcflags")
    assert second.startswith("1 build -tags pkcs11key,netgo,osusergo -gcflags")
