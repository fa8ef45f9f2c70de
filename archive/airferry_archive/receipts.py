"""What a site says about its registry: a receipt of what it holds, a need for what it lacks.

Both are hints for the vendor's `build`: they decide what a delta carries, never what is trusted. A
wrong one costs another stick, since whatever a delta left out is asked of the registry at `load`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from airferry_archive.release import MAX_BLOBS, Counter, Epoch, Name
from airferry_foundation import documents, files
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document
from airferry_foundation.versions import VersionText

MAX_BYTES = 16 << 20
MAX_HELD = 4 * MAX_BLOBS


class HeldRelease(Document, frozen=True, kw_only=True):
    """A release of which the registry holds everything."""

    product: Name
    version: VersionText
    release: Digest
    epoch: Epoch
    counter: Counter


class Receipt(Document, frozen=True, kw_only=True):
    """What a site's registry holds of what was loaded into it; `blobs` is sorted and unique.

    Signed by the instance key, in `<file>.sig`. It names no host: it leaves the site.
    """

    schema: Literal["airferry.receipt/v1"]
    customer: Name
    environment: Name | None = None
    """The environment whose own registry it is about, None for the site's."""
    issued_at: Timestamp
    releases: tuple[HeldRelease, ...]
    blobs: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_HELD)]


class Need(Document, frozen=True, kw_only=True):
    """What a registry lacks of one release; `blobs` is sorted and unique."""

    schema: Literal["airferry.need/v1"]
    product: Name
    version: VersionText
    release: Digest
    blobs: Annotated[tuple[Digest, ...], msgspec.Meta(min_length=1, max_length=MAX_BLOBS)]


def decode_receipt(data: bytes, name: str) -> Receipt:
    """A receipt; DocumentError if it is none."""
    return documents.decode(data, Receipt, name=name, cap=MAX_BYTES)


def read_need(path: Path) -> Need:
    """The need in a file; DocumentError if it is none."""
    data = files.read_capped(path, MAX_BYTES)
    return documents.decode(data, Need, name=str(path), cap=MAX_BYTES)
