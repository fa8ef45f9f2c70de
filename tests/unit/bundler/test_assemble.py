"""How a release is put together: files, schemas, inputs, telemetry, conflicts."""

from __future__ import annotations

import msgspec
import pytest

from airferry_archive.release import Image, Release
from airferry_bundler.artifacts import chart_artifact
from airferry_bundler.assemble import Circumstances, assemble
from airferry_bundler.carried import CarriedChart, CarriedImage
from airferry_bundler.content import LocalContent
from airferry_bundler.spec import (
    Audience,
    ChartSource,
    GeneratedField,
    Input,
    ManifestSource,
    Spec,
    Target,
    Telemetry,
)
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError
from airferry_registry.manifests import Descriptor

RECIPIENT = "age1" + "q" * 58
SPEC = Spec(
    product="shop",
    version="1.0.0",
    counter=7,
    epoch=2,
    audience=Audience(customers=("beta", "acme")),
    platforms=("linux/arm64", "linux/amd64"),
    manifests=(ManifestSource(path="m", namespace="shop"),),
    files=("docs.md",),
    inputs={"host": Input(to=(Target(chart="shop", path="host"),), help="h")},
    generated=(GeneratedField(chart="shop", kind="Secret", name="s", path="/data/a"),),
    catalogue="c.yaml",
    telemetry=Telemetry(recipients={"eu": {"metrics": RECIPIENT}}),
)
CONTENT = LocalContent(
    {}, {}, {"m": b"kind: A\n"}, {"docs.md": b"docs", "c.yaml": b"c", "v.yaml": b"v"}
)


def made(spec: Spec = SPEC, content: LocalContent = CONTENT, *images: CarriedImage) -> Release:
    artifact = chart_artifact(b"package", {"name": "shop", "version": "0.1.0"})
    described = [Descriptor(b.digest, len(b.data), b.media_type) for b in artifact.blobs]
    chart = CarriedChart(
        ChartSource(path="charts/shop", release_name="s", namespace="n", values=("v.yaml",)),
        "shop",
        "0.1.0",
        b"package",
        described[0],
        tuple(described[1:]),
        schema=b"{}",
        artifact=artifact,
    )
    return assemble(spec, content, images, [chart], Circumstances("2026-01-01T00:00:00Z", 3))


def test_facts_come_from_the_spec_and_are_sorted() -> None:
    release = made()
    assert (release.epoch, release.release_counter, release.root_version) == (2, 7, 3)
    assert release.audience.customers == ("acme", "beta")
    assert release.audience.environments == "any"
    assert release.platforms == ("linux/amd64", "linux/arm64")
    assert release.inputs[0].to[0].chart == "shop"
    assert release.generated[0].path == "/data/a"


def test_every_own_file_is_listed_by_its_title() -> None:
    kinds = {(a.title, a.kind): a.digest for a in made().attachments}
    assert kinds == {
        ("c.yaml", "catalogue"): digest(b"c"),
        ("docs.md", "docs"): digest(b"docs"),
        ("manifests/m.yaml", "manifests"): digest(b"kind: A\n"),
        ("schemas/shop.json", "schema"): digest(b"{}"),
        ("v.yaml", "values"): digest(b"v"),
    }


def test_a_chart_names_its_parts_by_digest() -> None:
    [chart] = made().charts
    assert chart.content == digest(b"package")
    assert chart.values == (digest(b"v"),)
    assert chart.schema == digest(b"{}")
    blobs = {blob.digest: blob for blob in made().blobs}
    assert blobs[chart.digest].repositories == ("shop/charts/shop",)
    assert blobs[chart.values[0]].repositories == ("shop/files",)


def test_telemetry_names_the_catalogue() -> None:
    telemetry = made().telemetry
    assert telemetry is not None
    assert telemetry.catalogue == digest(b"c")
    assert made(msgspec.structs.replace(SPEC, telemetry=None)).telemetry is None


def test_one_title_for_two_contents_is_refused() -> None:
    spec = msgspec.structs.replace(SPEC, files=("manifests/m.yaml",))
    content = LocalContent({}, {}, CONTENT.streams, {**CONTENT.files, "manifests/m.yaml": b"x"})
    with pytest.raises(InputError, match=r"carried as manifests/m\.yaml"):
        made(spec, content)


def test_two_manifests_that_contradict_each_other_about_a_blob() -> None:
    image = Image(name="r.example/a:1", digest=digest(b"m"), platforms={})
    blobs = (Descriptor(digest(b"x"), 1, "a/b"), Descriptor(digest(b"x"), 2, "a/b"))
    with pytest.raises(InputError, match="another manifest says"):
        made(SPEC, CONTENT, CarriedImage(image, blobs, "r.example/a"))
