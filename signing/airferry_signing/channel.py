"""channel.json: what the vendor says about its releases as a whole, carried with each bundle."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from airferry_foundation import documents
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest
from airferry_foundation.documents import MAX_INTEGER, Document
from airferry_foundation.errors import ReleaseRefusedError
from airferry_foundation.versions import VersionText
from airferry_signing.root_document import ProductLine

MAX_BYTES = 256 << 10

Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)]


class Channel(Document, frozen=True, kw_only=True):
    """The newest release, the floor below which none may run, and the releases revoked.

    `revoked` lists digests of release.json. (epoch, sequence) orders statements.
    """

    schema: Literal["airferry.channel/v1"]
    product: ProductLine
    epoch: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    sequence: Count
    newest_counter: Count
    newest_version: VersionText
    security_floor: Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
    revoked: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=1000)] = ()
    issued_at: Timestamp
    next_expected: Timestamp | None = None

    @property
    def place(self) -> tuple[int, int]:
        """What orders statements: (epoch, sequence)."""
        return self.epoch, self.sequence


def read(data: bytes, *, name: str = "channel.json") -> Channel:
    """A channel statement; DocumentError if it is none. Its signatures are judged elsewhere."""
    return documents.decode(data, Channel, name=name, cap=MAX_BYTES)


def newer(a: Channel | None, b: Channel) -> Channel:
    """The statement that wins; ReleaseRefusedError when two say different things at one place."""
    if a is None or a.place < b.place:
        return b
    if a.place == b.place and a != b:
        raise ReleaseRefusedError(
            f"two different channel statements have epoch {a.epoch} and sequence {a.sequence}",
            "The vendor's channel keys may be stolen. Ask the vendor.",
        )
    return a
