"""What a site remembers of a vendor's word: roots, pairs, channel, digests, times. Pure data.

One `LineTrust` a product line. Pairs are compared within the epoch of the newest root: a new epoch
starts floor, counters, revocations and learned times afresh, which is how a vendor recovers from a
stolen key that ran them far ahead. `seen` is kept over epochs, since its key holds the epoch.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

from airferry_archive.release import Name
from airferry_foundation import clock, documents
from airferry_foundation.clock import Timestamp
from airferry_foundation.digests import Digest
from airferry_foundation.documents import MAX_INTEGER, Document
from airferry_signing import channel as channels
from airferry_signing.channel import Channel
from airferry_signing.roots import RootChain, SignedDocument

MAX_BYTES = 64 << 20
AHEAD = timedelta(hours=25)
"""How far a learned time may be ahead of the system clock before it is only a claim."""
SKEW = timedelta(minutes=5)
"""How far the system clock may be behind what was learned: two clocks are never quite the same."""

Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]


class Signed(Document, frozen=True, kw_only=True):
    """A document's bytes and its signatures, as they came."""

    document: bytes
    signatures: tuple[bytes, ...] = ()


class Seen(Document, frozen=True, kw_only=True):
    """Which release has a place (epoch, counter): another one there is an equivocation."""

    epoch: Count
    counter: Count
    release: Digest


class LineTrust(Document, frozen=True, kw_only=True):
    """What is remembered of one product line; `roots` begins with the pinned one."""

    product: Name
    roots: tuple[Signed, ...]
    epoch: Count
    floor: Count = 0
    newest_counter: Count = 0
    revoked: tuple[Digest, ...] = ()
    channel: Signed | None = None
    seen: tuple[Seen, ...] = ()
    entitlement: Signed | None = None
    """The last one that let a release pass, or was imported; judged anew each time."""
    learned: Timestamp | None = None
    """The newest verified `issued_at` of this epoch."""
    dismissed: tuple[Timestamp, ...] = ()
    """Times that `clock accept` decided not to believe, whenever they come again."""

    @property
    def chain(self) -> RootChain:
        """The roots, from the pinned one to the newest."""
        return RootChain(tuple(SignedDocument(s.document, s.signatures) for s in self.roots))

    def statement(self) -> Channel | None:
        """The channel statement that is remembered."""
        if self.channel is None:
            return None
        return channels.read(self.channel.document, name="the remembered channel statement")

    def later(self, issued_at: str) -> str | None:
        """`learned` after an `issued_at`; times are spelled so that text order is time order."""
        if issued_at in self.dismissed:
            return self.learned
        return max(self.learned or issued_at, issued_at)

    def release_at(self, epoch: int, counter: int) -> str | None:
        """The digest that was seen at a place."""
        places = ((seen.epoch, seen.counter, seen.release) for seen in self.seen)
        return next((release for e, c, release in places if (e, c) == (epoch, counter)), None)


class TrustState(Document, frozen=True, kw_only=True):
    """What a state folder remembers, for all product lines of its site."""

    schema: Literal["airferry.trust/v1"]
    lines: tuple[LineTrust, ...] = ()

    def line(self, product: str) -> LineTrust | None:
        """A product line by name."""
        return next((line for line in self.lines if line.product == product), None)

    def with_line(self, line: LineTrust) -> TrustState:
        """The same with one line put in place of what was known of it."""
        others = [known for known in self.lines if known.product != line.product]
        lines = tuple(sorted((*others, line), key=lambda one: one.product))
        return msgspec.structs.replace(self, lines=lines)


NOTHING = TrustState(schema="airferry.trust/v1")
"""What is trusted before a root was pinned."""


def read(data: bytes) -> TrustState:
    """A trust state out of its canonical bytes."""
    return documents.decode(data, TrustState, name="the trust state", cap=MAX_BYTES)


def pinned(chain: RootChain) -> LineTrust:
    """What is known of a line when its root was pinned and nothing came yet."""
    newest = chain.newest
    return LineTrust(product=newest.product, roots=stored(chain), epoch=newest.epoch)


def stored(chain: RootChain) -> tuple[Signed, ...]:
    """A chain as it is remembered."""
    return tuple(Signed(document=s.document, signatures=s.signatures) for s in chain.signed)


class Time(msgspec.Struct, frozen=True):
    """What time it is, as far as it can be told without a network.

    `claimed` is a learned time more than 25 h ahead of the system clock. `behind` is how far that
    clock is behind `now`.
    """

    now: datetime
    claimed: datetime | None = None
    behind: timedelta = timedelta()

    @property
    def certain(self) -> bool:
        """Whether nothing that was learned is far ahead of the system clock."""
        return self.claimed is None

    @property
    def system(self) -> datetime:
        """The system clock."""
        return self.now - self.behind

    @property
    def latest(self) -> datetime:
        """The latest time that was learned, claimed or not: spans of time are counted up to it."""
        return self.claimed or self.now

    @property
    def doubt(self) -> str:
        """Why no window is granted, '' where nothing contradicts the system clock."""
        if self.claimed is None and self.behind <= SKEW:
            return ""
        return (
            f"the system clock ({clock.write(self.system)}) is behind a time that was learned "
            f"({clock.write(self.latest)})"
        )


def trusted_now(trust: TrustState, system: datetime, last: datetime | None = None) -> Time:
    """The latest of system clock, `last` (the latest entry of the journal) and learned times.

    Of those, only what is at most 25 h ahead of the system clock counts; the rest is claimed.
    """
    learned = [clock.read(line.learned) for line in trust.lines if line.learned is not None]
    learned += [last] if last is not None else []
    near = [moment for moment in learned if moment - system <= AHEAD]
    far = [moment for moment in learned if moment - system > AHEAD]
    now = max([system, *near])
    return Time(now, max(far, default=None), now - system)


def dismissing(trust: TrustState, accepted: datetime) -> TrustState:
    """The same after people said that it was no later than `accepted`: later times don't count."""
    limit = clock.write(accepted)
    for line in trust.lines:
        if line.learned is not None and line.learned > limit:
            dismissed = tuple(sorted({*line.dismissed, line.learned}))
            trust = trust.with_line(
                msgspec.structs.replace(line, learned=None, dismissed=dismissed)
            )
    return trust
