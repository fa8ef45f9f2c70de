from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[3] / "tools"
sys.path.insert(0, str(TOOLS))

from provision import golang  # noqa: E402  # importable only from here on
from provision.pins import Pin  # noqa: E402  # importable only from here on
from provision.providing import Provided, provide  # noqa: E402

pytestmark = pytest.mark.program("go")
MAIN = 'package main\n\nvar Version = "unset"\n\nfunc main() { println("hello", Version) }\n'


@pytest.fixture
def pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pin:
    """A small Go module, to build in a second what tools/ builds in minutes."""
    monkeypatch.setenv("AIRFERRY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(golang, "TOOLS", tmp_path)
    module = tmp_path / "hello"
    module.mkdir()
    (module / "go.mod").write_text("module example.test/hello\n\ngo 1.26.0\n")
    (module / "main.go").write_text(MAIN)
    return Pin(
        name="hello",
        version="1.0.0",
        how="go",
        groups=("test",),
        ask=("--version",),
        says=r"hello (\S+)",
        at_least="1.0",
        seconds=1,
        module="hello",
        link_flags="-X main.Version=1.0.0",
        package="example.test/hello",
    )


def test_a_program_is_built_once_and_then_found(
    pin: Pin, capfd: pytest.CaptureFixture[str]
) -> None:
    assert provide([pin])[0].path == pin.cached
    built = subprocess.run([pin.cached], capture_output=True, check=True, text=True)
    assert built.stderr == "hello 1.0.0\n"
    inode = pin.cached.stat().st_ino
    capfd.readouterr()
    assert provide([pin])[0].path == pin.cached
    assert pin.cached.stat().st_ino == inode
    assert capfd.readouterr().err == ""


def test_two_runs_at_once_build_it_once(pin: Pin) -> None:
    inodes: list[int] = []

    def one() -> None:
        provide([pin])
        inodes.append(pin.cached.stat().st_ino)

    runs = [threading.Thread(target=one) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(set(inodes)) == 1


def test_a_build_that_fails_is_explained_and_leaves_nothing(pin: Pin, tmp_path: Path) -> None:
    (tmp_path / "hello" / "main.go").write_text("package main\n\nfunc main() { nonsense }\n")
    outcome: Provided = provide([pin])[0]
    assert outcome.path is None
    assert "nonsense" in outcome.problem
    assert str(tmp_path / "cache" / "logs") in outcome.hint
    assert not pin.cached.exists()


def test_sources_that_are_not_pinned_are_refused(pin: Pin, tmp_path: Path) -> None:
    main = 'package main\n\nimport _ "golang.org/x/mod/semver"\n\nfunc main() {}\n'
    (tmp_path / "hello" / "main.go").write_text(main)
    assert "disabled by -mod=readonly" in provide([pin])[0].problem


def test_an_interrupted_build_takes_its_compiler_with_it(tmp_path: Path) -> None:
    path = f"{Path(shutil.which('go') or '').parent}:/usr/bin:/bin"  # without the oras of the cache
    environment = {**os.environ, "AIRFERRY_CACHE": str(tmp_path), "GOCACHE": str(tmp_path / "go")}
    environment["PATH"] = path
    command = [sys.executable, str(TOOLS / "programs.py"), "ensure", "oras"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as build:
        assert build.stderr is not None
        assert "oras" in build.stderr.readline()
        build.terminate()
        said = build.stderr.read()
    assert build.returncode == 130
    assert "the same command goes on" in said
