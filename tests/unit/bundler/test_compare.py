"""What a signer reads: the difference of two releases."""

from __future__ import annotations

import msgspec
import pytest

from airferry_archive.release import (
    Attachment,
    Audience,
    Blob,
    Chart,
    Image,
    Input,
    InputTarget,
    Manifests,
    Referrer,
    Release,
    Requires,
)
from airferry_bundler.compare import Change, compare
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
