from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from airferry_foundation import handwritten
from airferry_foundation.errors import HandwrittenError, MissingInputError
from airferry_foundation.handwritten import Lines, Problem


class Leg(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    port: Annotated[str, msgspec.Meta(pattern=r"^[a-z]+$")]
    days: Annotated[int, msgspec.Meta(ge=1)] = 1
    kind: Literal["sea", "air"] = "sea"


class Voyage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ship: str
    legs: tuple[Leg, ...]
    crew: dict[str, int] = {}
    cargo: str | int | None = None


def problems(text: str) -> list[str]:
    with pytest.raises(HandwrittenError) as caught:
        handwritten.parse(text.encode(), Voyage, name="voyage.yaml")
    return [line.strip() for line in caught.value.message.splitlines()[1:]]


def test_a_good_file_becomes_its_type() -> None:
    voyage = handwritten.parse(
        b"ship: Argo\nlegs:\n- {port: iolcus}\n- {port: colchis, days: 40}\n", Voyage, name="v"
    )
    assert voyage == Voyage(ship="Argo", legs=(Leg(port="iolcus"), Leg(port="colchis", days=40)))


def test_every_mistake_is_reported_at_once_with_its_line() -> None:
    found = problems(
        "ship: 4\nlegs:\n- port: UPPER\n  days: 0\n- kind: rail\ncaptain: Jason\ncrew: [a]\n"
    )
    assert found == [
        "line 1: ship: expected text (put it in quotes), found 4",
        "line 3: legs[0].port: 'UPPER' does not fit ^[a-z]+$",
        "line 4: legs[0].days: 0 is below 1",
        "line 5: legs[1].kind: expected 'air' or 'sea', found 'rail'",
        "line 5: legs[1]: key 'port' is missing",
        "line 6: unknown key 'captain'; known are ship, legs, crew, cargo",
        "line 7: crew: expected a mapping, found a list",
    ]


def test_a_slip_of_the_pen_gets_a_suggestion() -> None:
    assert problems("shp: Argo\nlegs: []\nship: A\n") == [
        "line 1: unknown key 'shp'; did you mean 'ship'?"
    ]


def test_duplicate_keys_name_both_lines() -> None:
    assert problems("ship: a\nlegs: []\nship: b\n") == [
        "line 3: key 'ship' stands already on line 1"
    ]


def test_a_union_says_what_would_fit() -> None:
    assert problems("ship: a\nlegs: []\ncargo: [x]\n") == [
        "line 3: cargo: expected text or a whole number or nothing, found a list"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ship: [\n", "not YAML"),
        ("- a\n- b\n", "expected `key: value` lines"),
        ("", "expected `key: value` lines"),
        ("ship: !!python/object:os.system x\nlegs: []\n", "not allowed"),
        ("ship: !custom x\nlegs: []\n", "not allowed"),
        ("base: &b {ship: a}\n<<: *b\nlegs: []\n", "plain text"),
        ("? [a]\n: b\n", "plain text"),
    ],
)
def test_yaml_that_is_none_of_ours_is_refused(text: str, expected: str) -> None:
    with pytest.raises(HandwrittenError, match=expected):
        handwritten.parse(text.encode(), Voyage, name="voyage.yaml")


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(HandwrittenError, match="UTF-8"):
        handwritten.parse(b"ship: \xff\n", Voyage, name="voyage.yaml")


@pytest.mark.parametrize("character", [b"\x00", b"\x0b", b"\x1b", b"\xef\xbf\xbe"])
def test_a_control_character_is_told(character: bytes) -> None:
    with pytest.raises(HandwrittenError, match="not YAML"):
        handwritten.parse(b"ship: a" + character, Voyage, name="voyage.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("!x ship: a", "line 1: a key must be plain text"),
        ("ship: !x {a: b}", "line 1: tag !x is not allowed"),
        ("ship: !!set {a}", "tag .*set is not allowed"),
        ("ship: !!binary YQ==", "tag .*binary is not allowed"),
        ("ship: 2026-02-30", "not YAML: day is out of range"),
        ("ship: !!int many", "not YAML: invalid literal"),
        ("ship: !!str {a: b}", "not YAML"),
    ],
)
def test_tags_and_values_that_are_none(text: str, said: str) -> None:
    with pytest.raises(HandwrittenError, match=said):
        handwritten.parse(f"{text}\nlegs: []".encode(), Voyage, name="voyage.yaml")


def test_aliases_that_grow_without_end_stay_small() -> None:
    lines = ["ship: a", "legs: []", "a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    with pytest.raises(HandwrittenError, match="more than 100,000 values"):
        handwritten.parse("\n".join(lines).encode(), Voyage, name="voyage.yaml")


def test_aliases_under_keys_that_stand_twice_stay_small() -> None:
    lines = ["ship: a", "legs: []", "a0: &a0 {k: 1, k: 2}"]
    lines += [f"a{n}: &a{n} {{k: *a{n - 1}, k: *a{n - 1}}}" for n in range(1, 40)]
    with pytest.raises(HandwrittenError, match="more than 100,000 values"):
        handwritten.parse("\n".join(lines).encode(), Voyage, name="voyage.yaml")


def test_a_check_adds_what_a_schema_can_not_say() -> None:
    def long_enough(voyage: Voyage, lines: Lines) -> Iterator[Problem]:
        if not voyage.legs:
            yield Problem(lines.at(("legs",)), "a voyage has at least one leg")

    with pytest.raises(HandwrittenError, match="line 2: a voyage has at least one leg"):
        handwritten.parse(b"ship: a\nlegs: []\n", Voyage, name="v", check=long_enough)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"nowhere\.yaml"):
        handwritten.read(tmp_path / "nowhere.yaml", Voyage)
