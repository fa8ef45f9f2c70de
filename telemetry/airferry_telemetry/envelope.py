"""What a telemetry file holds: manifest, its signature, and the files that it lists.

    telemetry-<random>.tar.age = age( tar( manifest.json manifest.json.sig metrics.om events.jsonl
                                           redaction.json ) )

Signed inside, sealed outside. The tar is a pure function of its members: fixed names in a fixed
order, mode 0644, owner 0, the manifest's time. So a reader makes the tar again and compares.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from airferry_foundation import clock, documents
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest, digest
from airferry_foundation.documents import MAX_INTEGER, Document
from airferry_foundation.errors import TelemetryRefusedError
from airferry_foundation.grammar import whole
from airferry_signing import sshsig
from airferry_signing.sshsig import SshPublicKey
from airferry_telemetry.catalogue import Category
from airferry_telemetry.enrolment import CustomerName, Fingerprint

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
METRICS = "metrics.om"
EVENTS = "events.jsonl"
REDACTION = "redaction.json"
MEMBERS = (MANIFEST, SIGNATURE, METRICS, EVENTS, REDACTION)
FILES = MEMBERS[2:]

MAX_BYTES = 128 << 20
MAX_MANIFEST = 1 << 20
_HINT = "It was changed on its way, or written by another program; ask the customer for it again."

Name = CustomerName
"""An environment, region or purpose has the grammar of a customer's name."""

RandomId = Annotated[str, whole(r"^[0-9a-f]{32}$")]
Number = Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]


class Period(Document, frozen=True, kw_only=True):
    """From when to when the samples are."""

    begin: Timestamp
    end: Timestamp


class Gap(Document, frozen=True, kw_only=True):
    """Something that could not be collected, and why."""

    category: Category
    collector: str
    reason: str


class Categories(Document, frozen=True, kw_only=True):
    """What the customer lets go, and what it keeps."""

    enabled: tuple[Category, ...]
    withheld: tuple[Category, ...]


class File(Document, frozen=True, kw_only=True):
    """A file of the export."""

    digest: Digest
    size: Count


class Clock(Document, frozen=True, kw_only=True):
    """What the instance's clock says, and whether anything that it learned contradicts it."""

    system: Timestamp
    certain: bool


class Installed(Document, frozen=True, kw_only=True):
    """What an environment runs, as its installer knows."""

    product: Name
    version: str
    release: Digest
    epoch: Count
    counter: Count


class Manifest(Document, frozen=True, kw_only=True):
    """manifest.json, signed by the instance key.

    `lineage` names one unbroken stream of exports of an environment, `epoch` counts its restarts,
    `seq` its exports from 1, `previous` is the digest of the tar of the export before. `cluster`
    stands in for the cluster's uid (an HMAC under the customer's key).
    """

    schema: Literal["airferry.telemetry/v1"]
    export: RandomId
    customer: CustomerName
    instance: Fingerprint
    environment: Name
    cluster: str
    lineage: RandomId
    epoch: Number
    seq: Number
    previous: Digest | None = None
    made_at: Timestamp
    period: Period
    dropped: Count
    gaps: tuple[Gap, ...]
    categories: Categories
    catalogue: Digest
    region: Name
    allowed_regions: tuple[Name, ...]
    purpose: Name
    recipients: tuple[str, ...]
    files: dict[Literal["metrics.om", "events.jsonl", "redaction.json"], File]
    clock: Clock
    installed: tuple[Installed, ...]
    journal_head: Digest
    released_by: str


@dataclass(frozen=True, slots=True)
class Package:
    """An opened export: `tar` is what `digest` is of; the signature was judged."""

    tar: bytes
    manifest: Manifest
    signer: SshPublicKey
    contents: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """What names the export, however often and for whomever it is sealed."""
        return digest(self.tar)


def listing(contents: Mapping[str, bytes]) -> dict[str, File]:
    """The manifest's `files` of the contents."""
    return {name: File(digest=digest(contents[name]), size=len(contents[name])) for name in FILES}


def pack(manifest: bytes, signature: bytes, contents: Mapping[str, bytes]) -> bytes:
    """The tar of an export."""
    made_at = documents.decode(manifest, Manifest, name=MANIFEST, cap=MAX_MANIFEST).made_at
    mtime = int(clock.read(made_at).timestamp())
    every = {MANIFEST: manifest, SIGNATURE: signature, **contents}
    return _tar([(name, every[name]) for name in MEMBERS], mtime)


def unpack(tar: bytes, *, name: str) -> Package:
    """Judge and open the tar of an export.

    The manifest's signature is judged before anything else is used; the key that made it stands in
    `signer`: whether it may speak for the customer is the caller's to judge. Raises SignatureError,
    DocumentError, TelemetryRefusedError.
    """
    members = _split(tar, name)
    manifest_bytes, signature = members[MANIFEST], members[SIGNATURE]
    signer = sshsig.verify(manifest_bytes, signature, name=f"{name}: {SIGNATURE}")
    manifest = documents.decode(
        manifest_bytes, Manifest, name=f"{name}: {MANIFEST}", cap=MAX_MANIFEST
    )
    contents = {one: members[one] for one in FILES}
    if manifest.instance != signer.key_id:
        raise TelemetryRefusedError(
            f"{name} is signed by {signer.key_id}, but says that it is of {manifest.instance}",
            _HINT,
        )
    if manifest.files != listing(contents):
        raise TelemetryRefusedError(f"{name} holds other files than its manifest lists", _HINT)
    if pack(manifest_bytes, signature, contents) != tar:
        raise TelemetryRefusedError(
            f"{name} holds more than its members, or in another form", _HINT
        )
    return Package(tar, manifest, signer, contents)


def _tar(members: list[tuple[str, bytes]], mtime: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = len(data), mtime, 0o644
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _split(tar: bytes, name: str) -> dict[str, bytes]:
    """The members, by the fixed order; their form is compared later, when the time is known."""
    if len(tar) > MAX_BYTES:
        raise TelemetryRefusedError(f"{name} has {len(tar)} bytes; at most {MAX_BYTES} are allowed")
    members: dict[str, bytes] = {}
    position = 0
    for wanted in MEMBERS:
        header = tar[position : position + 512]
        try:
            entry = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
        except tarfile.HeaderError as error:
            raise TelemetryRefusedError(f"{name} is no telemetry export: {error}", _HINT) from None
        except UnicodeDecodeError:
            raise TelemetryRefusedError(f"{name} is no telemetry export", _HINT) from None
        begin, end = position + 512, position + 512 + entry.size
        if entry.name != wanted or entry.size < 0 or end > len(tar):
            raise TelemetryRefusedError(
                f"{name} is no telemetry export: expected {wanted}, found {entry.name[:40]!r} "
                f"of {entry.size} bytes",
                _HINT,
            )
        members[wanted] = tar[begin:end]
        position = begin + (entry.size + 511) // 512 * 512
    return members
