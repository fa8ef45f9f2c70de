"""What was found, in any order, gives one release; every blob is in each repository needing it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airferry_archive.release import Image
from airferry_bundler.artifacts import chart_artifact
from airferry_bundler.assemble import Circumstances, assemble
from airferry_bundler.carried import CarriedChart, CarriedImage, origins
from airferry_bundler.content import LocalContent
from airferry_bundler.own_files import packed_blobs
from airferry_bundler.spec import Audience, ChartSource, ManifestSource, Spec
from airferry_foundation.digests import digest
from airferry_registry.manifests import Descriptor

CIRCUMSTANCES = Circumstances("2026-01-01T00:00:00Z", 1)
CONTENT = LocalContent(
    sources={}, packages={}, streams={"m": b"kind: A\n"}, files={"v.yaml": b"a: 1\n", "d.md": b"d"}
)
DIGESTS = [digest(bytes([number])) for number in range(6)]

layers = st.lists(st.sampled_from(DIGESTS), min_size=1, max_size=4, unique=True)


def image(number: int, blobs: list[str]) -> CarriedImage:
    name = f"r.example/app{number % 3}:{number}"
    found = Image(name=name, digest=blobs[0], platforms={"linux/amd64": blobs[0]})
    described = tuple(Descriptor(one, DIGESTS.index(one) + 1, "application/x") for one in blobs)
    return CarriedImage(found, described, f"mirror.example/app{number % 3}")


def chart(number: int) -> CarriedChart:
    name = f"chart{number}"
    made = chart_artifact(name.encode(), {"name": name, "version": "1.0.0"})
    described = [Descriptor(b.digest, len(b.data), b.media_type) for b in made.blobs]
    source = ChartSource(
        path=f"charts/{name}", release_name=name, namespace="shop", values=("v.yaml",)
    )
    return CarriedChart(
        source, name, "1.0.0", name.encode(), described[0], tuple(described[1:]), artifact=made
    )  # fmt: skip


SPEC = Spec(
    product="shop",
    version="1.0.0",
    counter=1,
    audience=Audience(),
    platforms=("linux/amd64",),
    manifests=(ManifestSource(path="m", namespace="shop"),),
    files=("d.md",),
)


@given(st.lists(layers, max_size=6), st.integers(0, 3), st.randoms())
def test_order_does_not_matter(blobs: list[list[str]], charts: int, random: object) -> None:
    images = [image(number, found) for number, found in enumerate(blobs)]
    packed = [chart(number) for number in range(charts)]
    before = assemble(SPEC, CONTENT, images, packed, CIRCUMSTANCES)
    random.shuffle(images)  # type: ignore[attr-defined]  # a random.Random
    random.shuffle(packed)  # type: ignore[attr-defined]  # a random.Random
    assert assemble(SPEC, CONTENT, images, packed, CIRCUMSTANCES) == before
    assert origins("shop", images, packed) == origins("shop", images[::-1], packed)


@given(st.lists(layers, max_size=6))
def test_every_blob_is_in_each_repository_that_needs_it(blobs: list[list[str]]) -> None:
    images = [image(number, found) for number, found in enumerate(blobs)]
    release = assemble(SPEC, CONTENT, images, [], CIRCUMSTANCES)
    repositories = {blob.digest: set(blob.repositories) for blob in release.blobs}
    for one in images:
        repository = one.image.name.rpartition(":")[0]
        assert all(repository in repositories[blob.digest] for blob in one.blobs)
    assert [blob.digest for blob in release.blobs] == sorted(repositories)
    assert len(repositories) == len(release.blobs)


@given(st.integers(0, 3))
def test_what_has_no_origin_was_packed_by_us(charts: int) -> None:
    packed = [chart(number) for number in range(charts)]
    images = [image(0, DIGESTS[:2])]
    release = assemble(SPEC, CONTENT, images, packed, CIRCUMSTANCES)
    ours = packed_blobs(SPEC, CONTENT, packed)
    places = origins("shop", images, packed)
    for blob in release.blobs:
        assert (blob.digest in ours) != any(name in places for name in blob.repositories)
    assert all(digest(data) == name for name, data in ours.items())
    listed = {a.digest for a in release.attachments} | {c.content for c in release.charts}
    assert listed <= set(ours)
