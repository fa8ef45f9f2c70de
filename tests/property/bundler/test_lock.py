"""What does not matter in a spec does not reach the lock: order, spelling, ways to a registry."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from airferry_bundler.lock import spec_digest
from airferry_bundler.spec import (
    Audience,
    ChartSource,
    ImageSource,
    Input,
    ManifestSource,
    Registry,
    Spec,
    Target,
)

PARTS = {
    "images": ("redis:7", ImageSource(ref="oci:layout:1", name="app"), "busybox:1"),
    "files": ("a.md", "b.md", "c.md"),
    "platforms": ("linux/amd64", "linux/arm64"),
    "manifests": tuple(ManifestSource(path=p, namespace="shop") for p in ("x", "y", "z")),
    "charts": (
        ChartSource(path="charts/a", release_name="a", namespace="a", values=("1", "2")),
        ChartSource(ref="oci://r/b", version="1.0.0", release_name="b", namespace="a"),
    ),
}


def spec(**parts: object) -> Spec:
    inputs = {"host": Input(to=(Target(chart="a", path="host"),))}
    made = Spec(
        product="shop", version="1.0.0", counter=1, platforms=("linux/amd64",),
        audience=Audience(customers=("acme", "other")), inputs=inputs,
    )  # fmt: skip
    return msgspec.structs.replace(made, **(PARTS | parts))


@given(st.fixed_dictionaries({key: st.permutations(value) for key, value in PARTS.items()}))
def test_order_of_entries_does_not_matter(parts: dict[str, list[object]]) -> None:
    shuffled = spec(**{key: tuple(value) for key, value in parts.items()})
    assert spec_digest(shuffled) == spec_digest(spec())


def test_order_of_values_matters() -> None:
    first, second = PARTS["charts"]
    turned = msgspec.structs.replace(first, values=("2", "1"))
    assert spec_digest(spec(charts=(turned, second))) != spec_digest(spec())


def test_a_plain_image_and_its_long_form_are_one() -> None:
    images = tuple(ImageSource(ref=i) if isinstance(i, str) else i for i in PARTS["images"])
    assert spec_digest(spec(images=images)) == spec_digest(spec())


@given(st.dictionaries(st.text(min_size=1), st.builds(Registry, plain_http=st.booleans())))
def test_how_registries_are_reached_does_not_matter(registries: dict[str, Registry]) -> None:
    assert spec_digest(spec(registries=registries)) == spec_digest(spec())


@given(st.sampled_from(sorted(PARTS)))
def test_leaving_an_entry_out_matters(part: str) -> None:
    fewer = spec(**{part: PARTS[part][:-1]})
    assert spec_digest(fewer) != spec_digest(spec())
