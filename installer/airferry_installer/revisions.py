"""The revisions that a state folder keeps: what an environment ran, and how each change ended.

One small document for each (environment, product). The rendered releases themselves are kept under
their digests; the cluster's inventory has the last word on what runs.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from airferry_archive.release import Name
from airferry_foundation import documents
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import StateMissingError
from airferry_installer.planning.plan import Running

Outcome = Literal["applying", "applied", "failed", "backed-out"]
MAX_BYTES = 4 << 20


class Revision(Document, frozen=True, kw_only=True):
    """One change of an environment."""

    number: int
    outcome: Outcome
    running: Running
    plan: Digest
    approved_by: tuple[str, ...] = ()
    tickets: tuple[str, ...] = ()
    namespace: str
    """The namespace of the inventory."""
    at: Timestamp

    def ended(self, outcome: Outcome) -> Revision:
        """The same revision with another outcome."""
        return msgspec.structs.replace(self, outcome=outcome)


class Revisions(Document, frozen=True, kw_only=True):
    """All kept revisions of one product in one environment, by number."""

    schema: Literal["airferry.revisions/v1"]
    environment: Name
    product: Name
    revisions: tuple[Revision, ...] = ()


class Settings(Protocol):
    """The part of a state folder that keeps small texts."""

    def setting(self, name: str, /) -> str | None:
        """A text, None if it was never set."""

    def set(self, name: str, value: str, /) -> None:
        """Keep a text."""


def kept(state: Settings, environment: str, product: str) -> tuple[Revision, ...]:
    """The kept revisions, oldest first."""
    text = state.setting(_name(environment, product))
    if text is None:
        return ()
    name = f"the kept revisions of {product} in {environment}"
    return documents.decode(text.encode(), Revisions, name=name, cap=MAX_BYTES).revisions


def record(state: Settings, environment: str, product: str, revision: Revision) -> None:
    """Keep a revision; one of the same number is replaced."""
    others = [r for r in kept(state, environment, product) if r.number != revision.number]
    document = Revisions(
        schema="airferry.revisions/v1",
        environment=environment,
        product=product,
        revisions=tuple(sorted([*others, revision], key=lambda r: r.number)),
    )
    state.set(_name(environment, product), documents.encode(document).decode())


def find(state: Settings, environment: str, product: str, number: int) -> Revision:
    """An applied revision by number; StateMissing that lists those there are."""
    applied = [r for r in kept(state, environment, product) if r.outcome == "applied"]
    for revision in applied:
        if revision.number == number:
            return revision
    known = ", ".join(f"{r.number} ({r.running.version})" for r in applied) or "none"
    raise StateMissingError(
        f"no applied revision {number} of {product} in {environment} is kept here",
        f"Kept are: {known}.",
    )


def _name(environment: str, product: str) -> str:
    return f"revisions/{environment}/{product}"
