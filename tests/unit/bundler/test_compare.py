"""What a signer reads: the difference of two releases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from airferry_archive.release import (
    Attachment,
    Audience,
    Blob,
    Chart,
    GeneratedField,
    Image,
    Input,
    InputTarget,
    Manifests,
    Referrer,
    Release,
    Requires,
    Telemetry,
    Tool,
)
from airferry_bundler.compare import Change, compare
from airferry_foundation import documents
from airferry_foundation.digests import digest

A, B, C = (digest(letter) for letter in (b"a", b"b", b"c"))


def blob(value: str, size: int) -> Blob:
    return Blob(digest=value, size=size, media_type="application/x", repositories=("a",))


def image(name: str, value: str) -> Image:
    return Image(name=name, digest=value, platforms={"linux/amd64": value})


def chart(content: str) -> Chart:
    return Chart(
        name="shop", version="1.0.0", digest=A, content=content,
        release_name="shop", namespace="shop", values=(A,),
    )  # fmt: skip


BASE = Release(
    schema="airferry.release/v1",
    product="shop",
    version="1.0.0",
    epoch=1,
    release_counter=1,
    security_floor=0,
    root_version=1,
    issued_at="2026-01-01T00:00:00Z",
    audience=Audience(customers=("acme",), environments="any"),
    platforms=("linux/amd64",),
    images=(image("docker.io/library/redis:7.2", A), image("127.0.0.1:5000/web", B)),
    charts=(chart(A),),
    manifests=(Manifests(name="extra", digest=A, namespace="shop"),),
    inputs=(Input(name="host", type="string", to=(InputTarget(chart="shop", path="host"),)),),
    attachments=(Attachment(kind="docs", digest=A, title="a.md"),),
    blobs=(blob(A, 10), blob(B, 100)),
    members={},
)


def changed(**parts: object) -> Release:
    return msgspec.structs.replace(BASE, **parts)


def test_a_release_and_itself() -> None:
    found = compare(BASE, BASE)
    assert found.same
    assert (found.blobs_added, found.blobs_kept, found.bytes_to_carry) == (0, 2, 0)


def test_issued_at_and_members_alone_are_no_change() -> None:
    assert compare(BASE, changed(issued_at="2026-02-02T00:00:00Z")).same


def test_a_new_tag_is_a_change_of_that_image() -> None:
    images = (image("docker.io/library/redis:7.4", C), BASE.images[1])
    found = compare(BASE, changed(images=images, blobs=(blob(A, 10), blob(C, 1000))))
    [change] = found.changes
    assert (change.part, change.name, change.action) == (
        "image", "docker.io/library/redis", "changed",
    )  # fmt: skip
    assert change.before.startswith(":7.2 ")
    assert change.after.startswith(":7.4 ")
    assert (found.blobs_added, found.blobs_removed, found.blobs_kept) == (1, 1, 1)
    assert (found.bytes_to_carry, found.bytes_kept) == (1000, 10)


def test_a_port_is_no_tag() -> None:
    found = compare(BASE, changed(images=BASE.images[:1]))
    assert [(c.name, c.action) for c in found.changes] == [("127.0.0.1:5000/web", "removed")]
    assert [c.action for c in compare(changed(images=BASE.images[:1]), BASE).changes] == ["added"]


@pytest.mark.parametrize(
    ("parts", "part", "name"),
    [
        ({"version": "1.1.0"}, "release", "version"),
        ({"release_counter": 2}, "release", "release_counter"),
        ({"security_floor": 1}, "release", "security_floor"),
        ({"audience": Audience(customers="any", environments="any")}, "release", "audience"),
        ({"platforms": ("linux/arm64",)}, "release", "platforms"),
        ({"requires": Requires(kubernetes=">=1.30")}, "release", "requires"),
        ({"upgrade_from": ">=0.9.0"}, "release", "upgrade_from"),
        ({"charts": (chart(B),)}, "chart", "shop"),
        ({"manifests": ()}, "manifests", "extra"),
        ({"inputs": ()}, "input", "host"),
        ({"attachments": ()}, "attachment", "docs a.md"),
    ],
)
def test_each_part_is_compared(parts: dict[str, object], part: str, name: str) -> None:
    [change] = compare(BASE, changed(**parts)).changes
    assert (change.part, change.name) == (part, name)


def test_what_was_not_there_is_called_none() -> None:
    [change] = compare(BASE, changed(upgrade_from=">=0.9.0")).changes
    assert change == Change("release", "upgrade_from", "none", ">=0.9.0")


def test_a_signature_that_comes_along_is_a_change() -> None:
    signature = Referrer(subject=A, digest=C, kind="application/x-signature")
    found = compare(BASE, changed(referrers=(signature,)))
    assert not found.same
    [change] = found.changes
    assert (change.part, change.name) == ("referrer", "docker.io/library/redis:7.2")
    assert (change.action, change.before) == ("added", "")
    assert "application/x-signature" in change.after
    elsewhere = Referrer(subject=C, digest=C, kind="k")
    assert compare(changed(referrers=(elsewhere,)), BASE).changes[0].action == "removed"


# --- somebody wants a signer to see nothing -------------------------------------------------------


FULL = changed(
    audience=Audience(customers=("acme",), environments=("production",)),
    recommended_until="2027-01-01T00:00:00Z",
    upgrade_from=">=0.9.0",
    required_stops=("0.9.5",),
    requires=Requires(kubernetes=">=1.30", storage=5, installer=">=1"),
    images=(
        Image(
            name="docker.io/library/redis:7.2", digest=A, index=B,
            platforms={"linux/amd64": A, "linux/arm64": C}, found_in=("shop",),
        ),
    ),
    referrers=(Referrer(subject=A, digest=C, kind="k", tag=f"sha256-{A[7:]}.sig"),),
    charts=(msgspec.structs.replace(chart(A), schema=C),),
    manifests=(Manifests(name="extra", digest=A, namespace="shop", phase="first"),),
    inputs=(
        Input(name="host", type="string", default="a", help="h",
              to=(InputTarget(manifest="extra", path="p", kind="k", name="n"),)),
    ),
    generated=(GeneratedField(chart="shop", kind="Secret", name="a", path="p"),),
    tools=(Tool(name="helm", version="4", os="linux", arch="amd64", digest=A),),
    attachments=(Attachment(kind="docs", digest=A, title="a.md", about=B),),
    telemetry=Telemetry(recipients={"eu": {"ops": "age1" + "q" * 58}}, catalogue=A),
    extensions={"x": {"y": ["z"]}},
)  # fmt: skip

Path = tuple[str | int, ...]


def leaves(value: object, at: Path = ()) -> Iterator[tuple[Path, object]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*at, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, (*at, number))
    else:
        yield at, value


def others(value: object) -> Iterator[object]:
    """Other values, of which at least one has the grammar of the field."""
    if isinstance(value, str):
        nearly = value[:-1] + ("0" if value[-1:] != "0" else "1")
        alike = (value.replace("2027", "2028"), value.replace(".sig", ".att"))
        candidates = (nearly, value + "0", "other", "docs", "sbom", "integer", "1.0.0", *alike)
        yield from (one for one in candidates if one != value)
    elif isinstance(value, int):
        yield value + 1


def with_leaf(at: Path, value: object) -> Release | None:
    plain: Any = json.loads(documents.encode(FULL))
    inner = plain
    for step in at[:-1]:
        inner = inner[step]
    inner[at[-1]] = value
    try:
        return msgspec.convert(plain, Release)
    except msgspec.ValidationError:
        return None


LEAVES = [
    at
    for at, _ in leaves(json.loads(documents.encode(FULL)))
    if at[0] not in ("schema", "issued_at")
]


@pytest.mark.parametrize("at", LEAVES, ids=lambda at: ".".join(map(str, at)))
def test_whatever_is_changed_is_seen(at: Path) -> None:
    """Digests are changed in their last digit alone: an attacker can choose the first ones."""
    value = dict(leaves(json.loads(documents.encode(FULL))))[at]
    tried = [one for one in (with_leaf(at, other) for other in others(value)) if one is not None]
    assert tried, f"no other value fits {at}"
    for other in tried:
        found = compare(FULL, other)
        assert not found.same
        assert all(change.before != change.after for change in found.changes)


def test_a_name_that_stands_twice_hides_nothing() -> None:
    evil = msgspec.structs.replace(chart(C), release_name="evil")
    for charts in ((evil, chart(A)), (chart(A), evil)):
        [change] = compare(BASE, changed(charts=charts)).changes
        assert (change.part, change.name, change.action) == ("chart", "shop", "changed")
        assert "evil" in change.after


def test_a_blob_that_nothing_names_is_a_difference() -> None:
    found = compare(BASE, changed(blobs=(*BASE.blobs, blob(C, 7))))
    assert not found.same
    assert found.bytes_to_carry == 7
