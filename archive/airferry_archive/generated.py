"""The header's generated members: README.txt, oci-layout, index.json, SHA256SUMS. Pure.

All but SHA256SUMS follow from the release without its `members`, which lists their digests: so an
older release's README stays as it was, whatever this version would write.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from airferry_archive.media_types import OCI_INDEX, is_manifest
from airferry_archive.release import Blob, Image, Release
from airferry_foundation import documents
from airferry_foundation.digests import hex_of
from airferry_foundation.errors import InputError

README = "README.txt"
OCI_LAYOUT = "oci-layout"
INDEX = "index.json"
MEMBERS = (README, OCI_LAYOUT, INDEX)

REF_NAME = "org.opencontainers.image.ref.name"


def member_bytes(release: Release) -> dict[str, bytes]:
    """The members that a release lists, by name; its own `members` are not looked at."""
    return {README: readme(release), OCI_LAYOUT: oci_layout(), INDEX: index(release)}


def oci_layout() -> bytes:
    """The mark of an OCI image layout (image-spec 1.1, image-layout.md)."""
    return b'{"imageLayoutVersion":"1.0.0"}'


def sha256sums(entries: Iterable[tuple[str, str]]) -> bytes:
    """Lines that `sha256sum -c` takes, from pairs of name and digest."""
    return b"".join(f"{hex_of(digest)}  {name}\n".encode() for name, digest in entries)


def blob_name(digest: str) -> str:
    """The member that holds a blob."""
    return f"blobs/sha256/{hex_of(digest)}"


# --- index.json -----------------------------------------------------------------------------------


def index(release: Release) -> bytes:
    """The index of the OCI image layout: what `skopeo copy oci:DIR:<ref name>` finds by name.

    Images by their original names, what refers to them by its tag if it has one, charts as
    `<product>/charts/<name>:<version>`, the release's own files as `<product>/files:<version>`.
    InputError where the release lacks one of these blobs.
    """
    blobs = {blob.digest: blob for blob in release.blobs}
    manifests = [
        *(entry for image in release.images for entry in _image(image, blobs)),
        *(
            _entry(blobs, *named)
            for named in dict.fromkeys((one.digest, one.tag) for one in release.referrers)
        ),
        *(
            _entry(blobs, chart.digest, _chart_name(release.product, chart.name, chart.version))
            for chart in release.charts
        ),
        *(
            _entry(blobs, digest, f"{release.product}/files:{release.version}")
            for digest in _files_manifests(release)
        ),
    ]
    return documents.encode(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests},
    )


def _image(image: Image, blobs: dict[str, Blob]) -> Iterator[dict[str, Any]]:
    yield _entry(blobs, image.digest, image.name)
    carried_index = image.digest not in image.platforms.values()
    if carried_index:
        return
    for platform, digest in sorted(image.platforms.items()):
        if digest != image.digest:
            yield _entry(blobs, digest) | {"platform": _platform(platform)}


def _platform(platform: str) -> dict[str, str]:
    names = ("os", "architecture", "variant")
    return dict(zip(names, platform.split("/"), strict=False))


def _chart_name(product: str, name: str, version: str) -> str:
    return f"{product}/charts/{name}:{version.replace('+', '_')}"  # as Helm writes tags


def _files_manifests(release: Release) -> Iterator[str]:
    repository = f"{release.product}/files"
    for blob in release.blobs:
        if repository in blob.repositories and is_manifest(blob.media_type):
            yield blob.digest


def _entry(blobs: dict[str, Blob], digest: str, name: str | None = None) -> dict[str, Any]:
    blob = blobs.get(digest)
    if blob is None:
        raise InputError(f"the release names {name or digest}, but lists no blob {digest}")
    entry: dict[str, Any] = {"mediaType": blob.media_type, "digest": digest, "size": blob.size}
    return entry | ({"annotations": {REF_NAME: name}} if name else {})


# --- README.txt -----------------------------------------------------------------------------------

_README = """\
{product} {version}
{line}
Release {counter} of epoch {epoch}, issued {issued_at}.
For customers: {customers}. For environments: {environments}. Platforms: {platforms}.

This file is an Airferry bundle: a tar archive in zstd frames. It opens without Airferry:

    tar --zstd -xf BUNDLE -C out        (or: zstd -dc BUNDLE | tar x)
    cd out && sha256sum -c SHA256SUMS
    cosign verify-blob --key VENDOR.pub --insecure-ignore-tlog=true \\
        --bundle signatures/release.json.1.sigstore.json release.json
    skopeo copy oci:.:REF docker://REGISTRY/REPOSITORY:TAG

release.json is what the vendor signed: it lists the digest of every blob. To install:

    airferry-installer inspect BUNDLE
    airferry-installer verify BUNDLE
    airferry-installer load BUNDLE
    airferry-installer plan BUNDLE -e ENVIRONMENT -o plan.json

{count:,} blobs, {size:,} bytes.
"""


def readme(release: Release) -> bytes:
    """What a stranger reads first who has opened the file with tar."""
    title = f"{release.product} {release.version}"
    text = _README.format(
        product=release.product,
        version=release.version,
        line="=" * len(title),
        counter=release.release_counter,
        epoch=release.epoch,
        issued_at=release.issued_at,
        customers=_party(release.audience.customers),
        environments=_party(release.audience.environments),
        platforms=", ".join(release.platforms) or "none",
        count=len(release.blobs),
        size=sum(blob.size for blob in release.blobs),
    )
    return (text + "".join(_contents(release))).encode()


def _contents(release: Release) -> Iterator[str]:
    parts = {
        "Images": [image.name for image in release.images],
        "Charts": [f"{chart.name} {chart.version}" for chart in release.charts],
        "Manifests": [manifests.name for manifests in release.manifests],
        "Files": [attachment.title for attachment in release.attachments],
    }
    for title, names in parts.items():
        if names:
            yield f"\n{title}:\n" + "".join(f"    {name}\n" for name in names)


def _party(names: tuple[str, ...] | str) -> str:
    return names if isinstance(names, str) else ", ".join(names) or "none"
