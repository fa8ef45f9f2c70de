"""From what a release was put together: an in-toto statement with SLSA provenance. Pure.

Its subjects are the blobs of the release (but for the files that travel as documents, of which this
is one); what went in are the spec, the local files with their digests, and each image where it was
found. It is signed as part of the release, which lists its digest.
Sources: in-toto Statement v1; slsa.dev/provenance/v1.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from airferry_archive.release import Release
from airferry_bundler.carried import files_repository, image_repository
from airferry_bundler.content import Evidence
from airferry_bundler.evidence import sbom
from airferry_bundler.lock import Lock
from airferry_bundler.upstream import Verified
from airferry_foundation.digests import digest, hex_of

TITLE = "provenance/release.intoto.json"
BUILD_TYPE = "https://airferry.dev/lock/v1"
BUILDER = "https://airferry.dev/airferry-bundler"


def make(lock: Lock, verified: tuple[Verified, ...], version: str) -> Evidence:
    """The provenance of a locked release that has everything else; `version` is Airferry's."""
    release = lock.release
    subjects = list(_subjects(release))
    seed = digest(sbom.encode({"spec": lock.spec, "subjects": subjects}))
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "product": release.product,
                    "version": release.version,
                    "counter": release.release_counter,
                    "spec": lock.spec,
                },
                "internalParameters": {
                    "platforms": list(release.platforms),
                    "verified": [
                        {"image": one.image, "digest": one.digest, "key": one.key}
                        for one in verified
                    ],
                },
                "resolvedDependencies": list(_inputs(lock)),
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": {"airferry": version}},
                "metadata": {
                    "invocationId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{BUILD_TYPE} {seed}")),
                    "finishedOn": release.issued_at,
                },
            },
        },
    }
    return Evidence(TITLE, sbom.encode(statement), "provenance")


def _subjects(release: Release) -> Iterator[Mapping[str, Any]]:
    """Every blob that is more than a document of the release's own."""
    own = files_repository(release.product)
    for blob in release.blobs:
        if set(blob.repositories) != {own}:
            yield {
                "name": f"{blob.repositories[0]}@{blob.digest}",
                "digest": {"sha256": hex_of(blob.digest)},
                "mediaType": blob.media_type,
            }


def _inputs(lock: Lock) -> Iterator[Mapping[str, Any]]:
    for path, value in sorted(lock.sources.items()):
        yield {"name": path, "digest": {"sha256": hex_of(value)}}
    for image in lock.release.images:
        found = image.index or image.digest
        for origin in lock.origins.get(image_repository(image.name), ()):
            place = (
                origin if origin.startswith(("oci:", "docker-archive:")) else f"{origin}@{found}"
            )
            yield {"name": image.name, "uri": place, "digest": {"sha256": hex_of(found)}}
