"""release.json: what a vendor signs. The logical release, the same in every file that carries it.

A digest anywhere in it names the blob with the content itself. `blobs` lists every byte that the
release needs. Written once by the bundler from the lock alone; read by everybody.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from airferry_foundation import documents
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document
from airferry_foundation.grammar import whole
from airferry_foundation.versions import RangeText, VersionText

SCHEMA = "airferry.release/v1"
MAX_BYTES = 5 << 20
MAX_BLOBS = 25_000

# --- the grammar of strings: none can escape a path, a terminal or a shell ------------------------

Name = Annotated[str, whole(r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$")]
"""A product, customer, environment, chart or input: lower-case letters, digits, `.`, `_`, `-`."""

InputName = Annotated[str, whole(r"^[a-z][a-z0-9_]{0,62}$")]
Platform = Annotated[str, whole(r"^[a-z0-9]+/[a-z0-9_]+(/v[0-9]+)?$")]
Namespace = Annotated[str, whole(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Title = Annotated[str, whole(r"^[A-Za-z0-9_][A-Za-z0-9._/-]{0,254}$")]
"""A file of the release, as it is called in the artifact `files`: relative, no `..` (checked)."""

Repository = Annotated[str, whole(r"^[a-z0-9]+([._/:-]+[a-z0-9]+)*$", max_length=255)]
ImageName = Annotated[str, whole(r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,382}$")]
"""An original image reference without platform, such as `docker.io/library/redis:7.2`."""

ReferrerTag = Annotated[str, whole(r"^sha256-[0-9a-f]{64}[.](sig|att|sbom)$")]
MediaType = Annotated[str, whole(r"^[a-z0-9.+-]+/[a-zA-Z0-9.+_-]+$", max_length=127)]
Line = Annotated[str, whole(r"^[^\x00-\x1f\x7f-\x9f]*$", max_length=1000)]
"""One line for people."""

Size = Annotated[int, msgspec.Meta(ge=0, le=documents.MAX_INTEGER)]
Counter = Annotated[int, msgspec.Meta(ge=1, le=documents.MAX_INTEGER)]
Epoch = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Floor = Annotated[int, msgspec.Meta(ge=0, le=documents.MAX_INTEGER)]


class Audience(Document, frozen=True, kw_only=True):
    """Whom a release is for: those named, `any`, or customers with an entitlement beside it."""

    customers: tuple[Name, ...] | Literal["any", "entitled"]
    environments: tuple[Name, ...] | Literal["any"]


class Requires(Document, frozen=True, kw_only=True):
    """What must be there before a release may be installed."""

    kubernetes: RangeText | None = None
    storage: Size = 0  # bytes
    installer: RangeText | None = None


class Image(Document, frozen=True, kw_only=True):
    """One image, by its original name.

    `digest` is what workloads are pinned to and what is pushed under the image's repository: the
    index where all its platforms are carried, else the one platform's manifest. `index` is the
    digest of an index that travels as evidence only (filtered), None otherwise.
    """

    name: ImageName
    digest: Digest
    index: Digest | None = None
    platforms: dict[Platform, Digest]
    found_in: tuple[Line, ...] = ()


class Referrer(Document, frozen=True, kw_only=True):
    """A signature, attestation or SBOM about an image, which travels with it.

    `digest` is its manifest, listed in `blobs` under the repositories of the image; `subject` the
    manifest or index that it is about. `tag` is set where it is found by a tag (`sha256-<hex>.sig`)
    and not by its own subject.
    """

    subject: Digest
    digest: Digest
    tag: ReferrerTag | None = None
    kind: Line


class Chart(Document, frozen=True, kw_only=True):
    """One chart: `digest` is its OCI manifest; `content` the layer with the .tgz itself."""

    name: Name
    version: Line
    digest: Digest
    content: Digest
    release_name: Name
    namespace: Namespace
    values: tuple[Digest, ...] = ()
    schema: Digest | None = None


class Manifests(Document, frozen=True, kw_only=True):
    """A folder of plain manifests as one YAML stream."""

    name: Name
    digest: Digest
    namespace: Namespace
    phase: Name | None = None


class InputTarget(Document, frozen=True, kw_only=True):
    """Where an input's value goes: a chart's value by dotted path, or a field of a manifest."""

    chart: Name | None = None
    path: Line
    manifest: Name | None = None
    kind: Line | None = None
    name: Line | None = None


class Input(Document, frozen=True, kw_only=True):
    """A parameter that a site may set."""

    name: InputName
    type: Literal["string", "integer", "boolean"]
    default: str | int | bool | None = None
    secret: bool = False
    generated: bool = False
    help: Line = ""
    to: tuple[InputTarget, ...] = ()


class Tool(Document, frozen=True, kw_only=True):
    """A program that travels along."""

    name: Name
    version: Line
    os: Name
    arch: Name
    digest: Digest


class Attachment(Document, frozen=True, kw_only=True):
    """Something about the release or one of its parts; `title` names it among the files."""

    kind: Literal[
        "sbom",
        "provenance",
        "docs",
        "thresholds",
        "catalogue",
        "scan",
        "values",
        "manifests",
        "schema",
    ]
    digest: Digest
    title: Title
    about: Digest | None = None


class Blob(Document, frozen=True, kw_only=True):
    """One blob: its size in bytes, and each repository of the bundle that needs it."""

    digest: Digest
    size: Size
    media_type: MediaType
    repositories: tuple[Repository, ...]


class MemberFile(Document, frozen=True, kw_only=True):
    """A generated member of the header."""

    digest: Digest
    size: Size


class Telemetry(Document, frozen=True, kw_only=True):
    """Where telemetry may go, and what may be in it."""

    recipients: dict[Name, dict[Name, Annotated[str, whole(r"^age1[0-9a-z]{58}$")]]]
    catalogue: Digest | None = None


class GeneratedField(Document, frozen=True, kw_only=True):
    """A field that a chart makes at random at each render; it keeps its live value."""

    chart: Name
    kind: Line
    name: Line
    path: Line


class Release(Document, frozen=True, kw_only=True):
    """A logical release."""

    schema: Literal["airferry.release/v1"]
    product: Name
    version: VersionText
    epoch: Epoch
    release_counter: Counter
    security_floor: Floor
    root_version: Counter
    issued_at: Timestamp
    recommended_until: Timestamp | None = None
    audience: Audience
    platforms: tuple[Platform, ...]
    upgrade_from: RangeText | None = None
    required_stops: tuple[VersionText, ...] = ()
    requires: Requires = msgspec.field(default_factory=Requires)
    images: tuple[Image, ...] = ()
    referrers: tuple[Referrer, ...] = ()
    charts: tuple[Chart, ...] = ()
    manifests: tuple[Manifests, ...] = ()
    inputs: tuple[Input, ...] = ()
    generated: tuple[GeneratedField, ...] = ()
    tools: tuple[Tool, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    blobs: Annotated[tuple[Blob, ...], msgspec.Meta(max_length=MAX_BLOBS)]
    members: dict[Literal["README.txt", "index.json", "oci-layout"], MemberFile]
    telemetry: Telemetry | None = None
    extensions: dict[Name, Any] = msgspec.field(default_factory=dict)
