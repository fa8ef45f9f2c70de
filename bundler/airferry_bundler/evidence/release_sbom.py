"""What a release is made of: its images, charts and manifests, in CycloneDX and SPDX. Pure.

What is *in* the images their own SBOMs say, which are named here.
Sources: CycloneDX 1.6; SPDX 2.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airferry_archive.release import Release
from airferry_bundler.content import Evidence
from airferry_bundler.evidence import sbom
from airferry_foundation.digests import digest, hex_of

_NOTHING = "NOASSERTION"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a release holds; `sboms` are the titles and digests of its own SBOMs."""

    kind: str
    name: str
    version: str
    digest: str
    purl: str
    sboms: tuple[tuple[str, str], ...] = ()


def make(release: Release, images: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Both SBOMs of the release itself."""
    parts = tuple(_parts(release, images))
    seed = digest(sbom.encode({"product": release.product, "version": release.version, "parts": [
        [part.kind, part.name, part.digest] for part in parts
    ]}))  # fmt: skip
    made = {"cyclonedx-json": _cyclonedx, "spdx-json": _spdx}
    return tuple(
        Evidence(
            f"sbom/release{sbom.ENDINGS[form]}", sbom.encode(write(release, parts, seed)), "sbom"
        )
        for form, write in made.items()
    )


def _parts(release: Release, evidence: Iterable[Evidence]) -> Iterator[Part]:
    about: dict[str, list[tuple[str, str]]] = {}
    for one in evidence:
        about.setdefault(one.about or "", []).append((one.title, digest(one.data)))
    for image in release.images:
        for platform, manifest in sorted(image.platforms.items()):
            own = tuple(sorted(about.get(manifest, ())))
            purl = _image_purl(image.name, manifest, platform)
            yield Part("container", f"{image.name} {platform}", manifest, manifest, purl, own)
    for chart in release.charts:
        purl = f"pkg:helm/{quote(chart.name)}@{quote(chart.version, safe='')}"
        yield Part("application", chart.name, chart.version, chart.content, purl)
    for manifests in release.manifests:
        purl = f"pkg:generic/{quote(manifests.name)}?checksum={quote(manifests.digest)}"
        yield Part("file", f"manifests/{manifests.name}", release.version, manifests.digest, purl)


def _image_purl(name: str, manifest: str, platform: str) -> str:
    """As package-url's type `oci` writes it."""
    repository = name.partition("@")[0]
    head, colon, tag = repository.rpartition(":")
    repository, tag = (head, tag) if colon and "/" not in tag else (repository, "")
    last = repository.rpartition("/")[2].lower()
    arch = platform.split("/")[1]
    told = f"?arch={arch}&repository_url={quote(repository, safe='')}"
    return f"pkg:oci/{last}@{quote(manifest, safe='')}{told}" + (
        f"&tag={quote(tag)}" if tag else ""
    )


def _cyclonedx(release: Release, parts: tuple[Part, ...], seed: str) -> Mapping[str, Any]:
    own = f"pkg:generic/{quote(release.product)}@{quote(release.version, safe='')}"
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "serialNumber": f"urn:uuid:{sbom.identifier('cyclonedx-json', seed)}",
        "metadata": {
            "timestamp": release.issued_at,
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": release.product,
                "version": release.version,
                "purl": own,
            },
        },
        "components": [_component(part) for part in parts],
        "dependencies": [{"ref": own, "dependsOn": sorted({part.purl for part in parts})}],
    }


def _component(part: Part) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": part.kind,
        "bom-ref": part.purl,
        "name": part.name,
        "version": part.version,
        "purl": part.purl,
        "hashes": [{"alg": "SHA-256", "content": hex_of(part.digest)}],
    }
    if part.sboms:
        component["externalReferences"] = [
            {"type": "bom", "url": title, "hashes": [{"alg": "SHA-256", "content": hex_of(one)}]}
            for title, one in part.sboms
        ]
    return component


def _spdx(release: Release, parts: tuple[Part, ...], seed: str) -> Mapping[str, Any]:
    root = "SPDXRef-Release"
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{release.product}-{release.version}",
        "documentNamespace": sbom.namespace(seed),
        "creationInfo": {"created": release.issued_at, "creators": ["Tool: airferry-bundler"]},
        "packages": [
            _package(root, release.product, release.version),
            *(
                _package(_id(number), part.name, part.version)
                | {
                    "checksums": [{"algorithm": "SHA256", "checksumValue": hex_of(part.digest)}],
                    "externalRefs": [
                        {
                            "referenceCategory": "PACKAGE-MANAGER",
                            "referenceType": "purl",
                            "referenceLocator": part.purl,
                        }
                    ],
                }
                for number, part in enumerate(parts, 1)
            ),
        ],
        "relationships": [
            _relation("SPDXRef-DOCUMENT", "DESCRIBES", root),
            *(_relation(root, "CONTAINS", _id(number)) for number in range(1, len(parts) + 1)),
        ],
    }


def _id(number: int) -> str:
    return f"SPDXRef-Part-{number}"


def _package(spdx_id: str, name: str, version: str) -> dict[str, Any]:
    return {
        "SPDXID": spdx_id,
        "name": name,
        "versionInfo": version,
        "downloadLocation": _NOTHING,
        "filesAnalyzed": False,
        "licenseConcluded": _NOTHING,
        "licenseDeclared": _NOTHING,
        "copyrightText": _NOTHING,
        "supplier": _NOTHING,
    }


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
