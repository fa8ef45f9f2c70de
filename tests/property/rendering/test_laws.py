from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airferry_rendering import generated, packing
from airferry_rendering.objects import canonical
from airferry_rendering.pointers import MISSING, get, join, leaves, put, split

names = st.text("abcXYZ019._-/~ ", min_size=1, max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
METADATA = {"name": "x"}


def made(spec: Any, kind: str = "Thing") -> dict[str, Any]:
    return canonical({"apiVersion": "v1", "kind": kind, "metadata": METADATA, "spec": spec})


@given(st.lists(names))
def test_a_pointer_splits_into_what_it_was_joined_from(parts: list[str]) -> None:
    assert split(join(tuple(parts))) == tuple(parts)


@given(values)
def test_every_leaf_is_where_its_pointer_says(value: Any) -> None:
    for way, item in leaves(value):
        assert get(value, join(way)) == item


@given(values)
def test_canonical_changes_nothing_twice(value: Any) -> None:
    assert canonical(made(value)) == made(value)


@given(values)
def test_an_object_does_not_differ_from_itself(value: Any) -> None:
    assert generated.differing([made(value)], [made(value)]) == []


@given(values, values)
def test_masking_what_differs_makes_two_renders_equal(a: Any, b: Any) -> None:
    left, right = made(a), made(b)
    found = [path for _, path in generated.differing([left], [right])]
    present = [p for p in found if MISSING not in (get(left, p), get(right, p))]
    if present == found:
        assert generated.mask(left, found) == generated.mask(right, found)


@given(values, st.integers())
def test_live_values_always_win(value: Any, living: int) -> None:
    obj = made([value])
    for way, _ in leaves(obj["spec"], ("spec",)):
        pointer = join(way)
        live: dict[str, Any] = made([value])
        put(live, pointer, living)
        assert get(generated.keep_live(obj, [pointer], live), pointer) == living


paths = st.text("abcdef-_.", min_size=1, max_size=20).filter(lambda p: p.strip("."))


@given(st.dictionaries(paths, st.binary(max_size=3000), max_size=5), st.randoms())
def test_a_package_gives_back_what_was_packed_in_any_order(
    contents: dict[str, bytes], random: Any
) -> None:
    shuffled = list(contents.items())
    random.shuffle(shuffled)
    package = packing.pack_files(contents)
    assert packing.pack_files(dict(shuffled)) == package
    assert packing.unpack(package, name="x") == contents
