from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from provision.failures import ProvisionError
from provision.pins import TOOLS, Pin, choose, load

PINS = load()
BUILT = [pin for pin in PINS.values() if pin.how == "go"]
WHEELS = [pin for pin in PINS.values() if pin.how == "wheel"]


@pytest.mark.parametrize("pin", BUILT, ids=lambda pin: pin.name)
def test_the_module_pins_the_version_that_the_pin_names(pin: Pin) -> None:
    module = (TOOLS / pin.module / "go.mod").read_text()
    tools = re.search(r"^tool (\([^)]*\)|\S+)$", module, re.MULTILINE)
    assert tools is not None
    assert pin.package in tools.group(1)
    versions = dict(
        re.findall(r"^\s*(?:require )?(\S+) (v\S+)(?: // indirect)?$", module, re.MULTILINE)
    )
    own = pin.package.startswith("airferry/")  # a command of ours over packages of theirs
    source = pin.link_flags.removeprefix("-X ") if own else pin.package
    longest = max((name for name in versions if source.startswith(name)), key=len)
    assert versions[longest].removesuffix("+incompatible") == f"v{pin.version}"


@pytest.mark.parametrize("pin", BUILT, ids=lambda pin: pin.name)
def test_every_module_has_its_hashes(pin: Pin) -> None:
    assert " h1:" in (TOOLS / pin.module / "go.sum").read_text()


@pytest.mark.parametrize(
    "file",
    [TOOLS / "uv-requirements.txt", *(TOOLS / "wheels" / pin.requirements for pin in WHEELS)],
    ids=lambda path: path.name,
)
def test_every_wheel_is_pinned_by_version_and_hash(file: Path) -> None:
    text = file.read_text()
    assert re.search(r"^\S+==\S+ \\$", text, re.MULTILINE)
    assert re.search(r"--hash=sha256:[0-9a-f]{64}$", text, re.MULTILINE)


def test_every_npm_package_is_pinned_by_version_and_hash() -> None:
    (pin,) = [pin for pin in PINS.values() if pin.how == "npm"]
    lock = json.loads((TOOLS / pin.module / "package-lock.json").read_text())["packages"]
    assert lock[f"node_modules/{pin.package}"]["version"] == pin.version
    packages = [fields for name, fields in lock.items() if name]
    assert all(one["integrity"].startswith("sha512-") for one in packages)
    assert (TOOLS / pin.module / pin.name).is_file()


def test_programs_of_one_batch_stand_together() -> None:
    batches = [pin.batch for pin in PINS.values()]
    starts = [
        batch for before, batch in zip(["", *batches], batches, strict=False) if before != batch
    ]
    assert len(starts) == len(set(starts))


def test_a_group_and_names_are_chosen_once_each_in_building_order() -> None:
    chosen = [pin.name for pin in choose(["age", "cosign"], ["vendor"])]
    assert chosen == ["cosign", "registry", "helm", "age"]


def test_the_test_group_holds_everything() -> None:
    assert {pin.name for pin in choose([], ["test"])} == set(PINS)


@pytest.mark.parametrize(("names", "said"), [(["cosing"], "cosing"), ([], "no program")])
def test_a_wrong_choice_is_explained(names: list[str], said: str) -> None:
    with pytest.raises(ProvisionError, match=said):
        choose(names, [])


def test_the_cache_is_where_the_environment_says(cache: Path) -> None:
    assert PINS["cosign"].cached == cache / "programs/cosign/3.1.2/cosign"
