"""entitlement.json: that a customer may run certain products, until a day. It lies beside bundles.

A release that is for `entitled` customers names none of them: so nobody reads another's name, and
a new customer needs no new release. Signed by the channel role: it lets nothing run that the
release keys did not sign (ADR 9).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from airferry_foundation import documents
from airferry_foundation.clock import Timestamp
from airferry_foundation.documents import Document
from airferry_signing.root_document import ProductLine

SCHEMA = "airferry.entitlement/v1"
FILE_NAME = "entitlement.json"
MAX_BYTES = 16 << 10
ROLE = "channel"


class Entitlement(Document, frozen=True, kw_only=True):
    """What one customer may run. Of several, the one that was issued last counts.

    `until` is the last moment at which a release is admitted by it; None: it has no end.
    """

    schema: Literal["airferry.entitlement/v1"]
    customer: ProductLine
    products: Annotated[tuple[ProductLine, ...], msgspec.Meta(min_length=1, max_length=256)]
    issued_at: Timestamp
    until: Timestamp | None = None


def read(data: bytes, *, name: str = FILE_NAME) -> Entitlement:
    """An entitlement; DocumentError if it is none. Its signatures are judged elsewhere."""
    return documents.decode(data, Entitlement, name=name, cap=MAX_BYTES)
