"""Evidence without the programs: made the same each time; what counts as a signature."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airferry_archive.release import Attachment, Chart, Image
from airferry_bundler import upstream
from airferry_bundler.content import Evidence
from airferry_bundler.evidence import image_sboms, kept, provenance, release_sbom, sbom
from airferry_bundler.evidence.sbom import Subject
from airferry_bundler.lock import Lock
from airferry_bundler.spec import Registry, Spec, SpecFile
from airferry_fixtures.statements import release_of
from airferry_foundation.digests import digest
from airferry_foundation.errors import LockOutdatedError

ONE, TWO = digest(b"1"), digest(b"2")
SUBJECT = Subject("docker.io/acme/web:1", ONE, "2026-01-01T00:00:00Z")
IMAGE = Image(name="docker.io/acme/web:1", digest=ONE, platforms={"linux/amd64": ONE})
CHART = Chart(
    name="web", version="1.0.0", digest=TWO, content=TWO, release_name="web", namespace="shop"
)


def cyclonedx(run: int, components: list[str]) -> bytes:
    return json.dumps(
        {
            "serialNumber": f"urn:uuid:{run}",
            "metadata": {"timestamp": f"2026-11-24T00:00:0{run}Z"},
            "components": [{"name": name} for name in components],
        }
    ).encode()


def spdx(run: int, packages: list[str]) -> bytes:
    return json.dumps(
        {
            "documentNamespace": f"https://example.org/{run}",
            "creationInfo": {"created": f"2026-11-24T00:00:0{run}Z"},
            "packages": [{"name": name} for name in packages],
        }
    ).encode()


@pytest.mark.parametrize(("form", "write"), [("cyclonedx-json", cyclonedx), ("spdx-json", spdx)])
def test_two_runs_of_syft_become_one(form: str, write: Any) -> None:
    first = sbom.normal(write(1, ["a", "b"]), form, SUBJECT)
    assert sbom.normal(write(2, ["b", "a"]), form, SUBJECT) == first
    assert b"2026-01-01T00:00:00Z" in first
    other = Subject(SUBJECT.name, TWO, SUBJECT.created)
    assert sbom.normal(write(1, ["a", "b"]), form, other) != first


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("docker.io/acme/web:1", "sbom/images/docker.io/acme/web-1/linux-amd64.cdx.json"),
        (
            "127.0.0.1:5000/a@sha256:ab",
            "sbom/images/127.0.0.1-5000/a-sha256-ab/linux-amd64.cdx.json",
        ),
        ("x" * 300, f"sbom/images/{digest(b'x' * 300)[7:]}/linux-amd64.cdx.json"),
    ],
)
def test_titles(name: str, title: str) -> None:
    assert image_sboms.title(name, "linux/amd64", "cyclonedx-json") == title


def test_the_release_lists_its_parts_and_their_sboms() -> None:
    own = Evidence("sbom/images/web.cdx.json", b"{}", "sbom", ONE)
    release = release_of(images=(IMAGE,), charts=(CHART,))
    made = {one.title: json.loads(one.data) for one in release_sbom.make(release, [own])}
    image, chart = made["sbom/release.cdx.json"]["components"]
    assert image["purl"] == (
        f"pkg:oci/web@{ONE.replace(':', '%3A')}?arch=amd64"
        "&repository_url=docker.io%2Facme%2Fweb&tag=1"
    )
    assert image["externalReferences"][0]["url"] == own.title
    assert chart["hashes"] == [{"alg": "SHA-256", "content": TWO[7:]}]
    contained = made["sbom/release.spdx.json"]["relationships"][1:]
    assert {one["relationshipType"] for one in contained} == {"CONTAINS"}
    assert release_sbom.make(release, [own]) == release_sbom.make(release, [own])


def test_provenance_says_what_went_in() -> None:
    lock = Lock(
        schema="airferry.lock/v1",
        spec=TWO,
        sources={"values.yaml": ONE},
        origins={"docker.io/acme/web": ("oci:layout", "docker.io/acme/web")},
        release=release_of(images=(IMAGE,)),
    )
    verified = (upstream.Verified(IMAGE.name, ONE, "upstream.pub"),)
    made = json.loads(provenance.make(lock, verified, "1.0").data)["predicate"]
    inputs = made["buildDefinition"]["resolvedDependencies"]
    assert inputs[0] == {"name": "values.yaml", "digest": {"sha256": ONE[7:]}}
    assert [one.get("uri") for one in inputs[1:]] == ["oci:layout", f"docker.io/acme/web@{ONE}"]
    told = made["buildDefinition"]["internalParameters"]["verified"]
    assert told == [{"image": IMAGE.name, "digest": ONE, "key": "upstream.pub"}]


def payload(kind: str, pinned: str = ONE) -> dict[str, Any]:
    return {"critical": {"type": kind, "image": {"docker-manifest-digest": pinned}}}


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        ([payload("cosign container image signature")], True),
        ([payload("https://sigstore.dev/cosign/sign/v1")], True),
        ([payload("https://cosign.sigstore.dev/attestation/v1")], False),
        ([payload("https://sigstore.dev/cosign/sign/v1", TWO)], False),
        ([payload("x"), payload("cosign container image signature")], True),
        ([], False),
        ([{}], False),
        ({}, False),
    ],
)
def test_what_counts_as_a_signature_of_an_image(answer: Any, counts: bool) -> None:
    assert upstream.signature_of(json.dumps(answer).encode(), ONE) == counts


def test_an_answer_that_is_none() -> None:
    assert not upstream.signature_of(b"", ONE)
    assert not upstream.signature_of(b"\xff[", ONE)


def test_cosign_reaches_a_registry_as_the_spec_says(tmp_path: Path) -> None:
    spec = Spec(
        product="shop",
        version="1.0.0",
        counter=1,
        audience={"customers": "any"},  # type: ignore[arg-type]  # not looked at here
        platforms=("linux/amd64",),
        registries={
            "a:5000": Registry(plain_http=True),
            "b": Registry(ca="ca.pem", client_certificate="c.pem", client_key="k.pem"),
        },
    )
    file = SpecFile(spec, tmp_path / "airferry.yaml")
    assert list(upstream.registry_options(file, "a:5000/x")) == ["--allow-http-registry"]
    assert len(list(upstream.registry_options(file, "b/x/y"))) == 3
    assert not list(upstream.registry_options(file, "c/x"))


def test_evidence_beside_the_lock(tmp_path: Path) -> None:
    one = Evidence("sbom/release.cdx.json", b"{}", "sbom")
    kept.write(tmp_path, [one, Evidence("provenance/release.intoto.json", b"[]", "provenance")])
    kept.write(tmp_path, [one])
    assert not (tmp_path / "evidence/provenance/release.intoto.json").exists()
    listed = Attachment(kind="sbom", digest=digest(b"{}"), title=one.title)
    docs = Attachment(kind="docs", digest=ONE, title="docs.md")
    assert kept.read(tmp_path, release_of(attachments=(listed, docs))) == (one,)
    (tmp_path / "evidence" / one.title).write_bytes(b"{ }")
    with pytest.raises(LockOutdatedError, match="is not the file"):
        kept.read(tmp_path, release_of(attachments=(listed,)))
