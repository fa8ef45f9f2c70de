from __future__ import annotations

import pytest

from airferry_foundation.errors import ChartError
from airferry_rendering import yaml_stream


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("y", True),
        ("No", False),
        ("OFF", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("2001-01-01", "2001-01-01"),
        ("12:30:45", "12:30:45"),
        ("0644", 420),
        ("-0644", -420),
        ("0o644", 420),
        ("0x1F", 31),
        ("0b11", 3),
        ("1_000", 1000),
        ("08", 8),
        ("1e3", 1000),
        ("1.0", 1),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.2.3", "1.2.3"),
        ("1e400", "1e400"),
        ("<<", "<<"),
        ("+", "+"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubernetes(text: str, value: object) -> None:
    found = yaml_stream.scalar(text)
    assert found == value
    assert type(found) is type(value)


def documents(text: str) -> list[object]:
    return [document for _, document in yaml_stream.load_all(text.encode(), name="x.yaml")]


def test_quoted_text_is_text() -> None:
    assert documents("a: 'yes'\nb: \"1\"\nc: |\n  true\n") == [
        {"a": "yes", "b": "1", "c": "true\n"}
    ]


def test_tags_of_plain_kinds_are_obeyed() -> None:
    assert documents("a: !!str 1\nb: !!int '2'\nc: ! x\n") == [{"a": "1", "b": 2, "c": "x"}]


def test_keys_are_text() -> None:
    assert documents("1: a\ntrue: b\n'x': c\n") == [{"1": "a", "true": "b", "x": "c"}]


def test_merge_keys_and_anchors_work_as_in_helm() -> None:
    assert documents("a: &a {x: 1}\nb:\n  <<: *a\n  z: 2\n") == [
        {"a": {"x": 1}, "b": {"x": 1, "z": 2}}
    ]


def test_documents_know_their_lines_and_empty_ones_are_left_out() -> None:
    stream = b"# nothing\n---\na: 1\n---\n---\nb: 2\n"
    assert [line for line, _ in yaml_stream.load_all(stream, name="x")] == [3, 6]


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ChartError, match="aliases expand"):
        documents("\n".join(lines))


@pytest.mark.parametrize("digits", ["1" * 400, "1" * 5000, "0" + "1" * 5000, "0b" + "1" * 2000])
def test_a_number_without_end_is_text(digits: str) -> None:
    assert documents(f"a: {digits}") == [{"a": digits}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [", "line 3"),
        ("a: !!python/object:os.system x", "tag .* is not allowed"),
        ("a: !thing x", "line 1: tag !thing"),
        ("a:\n  b: .inf", r"line 2: \.inf is no number"),
        ("? [a]\n: b", "a key must be plain text"),
        ("&a [*a]", "nested too deeply|recursive"),
        ("[" * 200 + "]" * 200, "nested too deeply"),
    ],
)
def test_a_mistake_names_file_and_line(text: str, said: str) -> None:
    with pytest.raises(ChartError, match=said) as caught:
        documents(text)
    assert "x.yaml" in caught.value.message


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ChartError, match="not UTF-8"):
        list(yaml_stream.load_all(b"a: \xff", name="x.yaml"))
