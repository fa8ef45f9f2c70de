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
MAX_BYTES = 4 << 20


class Carriage(Document, frozen=True, kw_only=True):
    """Which blobs of which release are in the file; `blobs` is sorted and unique.

    `compressed` has, for each compressed member in the order of the file, the digest of its frames:
    several frames can hold the same content, and this says which ones the file has. The writer
    fills it in; whoever hands it a carriage leaves it empty.
    """

    schema: Literal["airferry.carriage/v1"]
    release: Digest
    kind: Literal["full", "delta"]
    blobs: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_BLOBS)]
    compressed: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_BLOBS)] = ()
