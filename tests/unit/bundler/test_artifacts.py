"""Manifests of what the bundler packs itself."""

from __future__ import annotations

import json

from airferry_bundler.artifacts import CHART_CONFIG, CHART_CONTENT, chart_artifact, files_artifact
from airferry_foundation.digests import digest


def test_a_chart_has_the_form_that_helm_pushes() -> None:
    made = chart_artifact(b"package", {"name": "shop", "version": "1.0.0", "apiVersion": "v2"})
    manifest = json.loads(made.manifest.data)
    assert manifest["config"]["mediaType"] == CHART_CONFIG
    assert manifest["layers"][0]["mediaType"] == CHART_CONTENT
    assert manifest["layers"][0]["digest"] == digest(b"package")
    title = manifest["layers"][0]["annotations"]["org.opencontainers.image.title"]
    assert title == "shop-1.0.0.tgz"
    assert json.loads(made.parts[0].data)["name"] == "shop"


def test_files_are_titled_and_sorted() -> None:
    made = files_artifact({"b.md": b"two", "a/c.md": b"one"})
    layers = json.loads(made.manifest.data)["layers"]
    titles = [layer["annotations"]["org.opencontainers.image.title"] for layer in layers]
    assert titles == ["a/c.md", "b.md"]
    assert [blob.digest for blob in made.blobs[2:]] == [digest(b"one"), digest(b"two")]
    assert files_artifact({"a/c.md": b"one", "b.md": b"two"}) == made
