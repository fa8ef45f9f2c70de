"""Makes entitlements: which customer may run which products, until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

from airferry_foundation import clock, documents, files
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError
from airferry_signing import entitlement as entitlements
from airferry_signing.entitlement import Entitlement


@dataclass(frozen=True, slots=True)
class Issued:
    """An entitlement that was written; it is worth nothing until it is signed."""

    path: Path
    entitlement: Entitlement
    digest: str


def issue(path: Path, customer: str, products: Sequence[str], until: str | None) -> Issued:
    """Write an entitlement (a file, or `entitlement.json` in a folder); replaces none.

    `until` is a day, whose end is meant, or a time. InputError where it is past already.
    """
    issued = clock.source_date()
    last = moment(until) if until else None
    if last is not None and last <= issued:
        raise InputError(f"{until} is past: nobody could use it", "Give a later --until.")
    made = Entitlement(
        schema="airferry.entitlement/v1",
        customer=customer,
        products=tuple(sorted(set(products))),
        issued_at=clock.write(issued),
        until=clock.write(last) if last else None,
    )
    data = documents.encode(made)
    entitlements.read(data, name="this entitlement")
    target = path / entitlements.FILE_NAME if path.is_dir() else path
    files.write_new(target, data)
    return Issued(target, made, digest(data))


def moment(text: str) -> datetime:
    """The end of a day (`2027-06-30`), or a time; InputError if it is neither."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return clock.read(text)
    return datetime.combine(day, time(23, 59, 59), UTC)
