"""carriage.json: what this one file carries of a release.

Unsigned, since it can only cause a refusal: the complete set of digests is signed.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from airferry_archive.release import MAX_BLOBS
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document

SCHEMA = "airferry.carriage/v1"
MAX_BYTES = 3 << 20


class Carriage(Document, frozen=True, kw_only=True):
    """Which blobs of which release are in the file; `blobs` is sorted and unique."""

    schema: Literal["airferry.carriage/v1"]
    release: Digest
    kind: Literal["full", "delta"]
    blobs: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_BLOBS)]
