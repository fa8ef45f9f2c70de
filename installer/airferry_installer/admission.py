"""The customer's only gate: may this bundle be used here? No I/O.

`admit` takes what a header says and what is remembered, and returns (new trust state, verdict). It
is a state machine over one product line, in this order; the first failure stops:

1. roots that follow the known ones are taken over; a fork or a gap refuses;
2. the channel statement is judged by the newest root and remembered if it is the newest;
3. the release's signatures are judged by the newest root (or its digest is accepted by that root);
4. the release is parsed, and judged: product, audience (with the customer's entitlement where it
   demands one), platforms, root version, epoch, equivocation, revocation, floor, installer.

What 1 and 2 learned is in the new trust state even when the release is refused. `learn` takes the
same way for a channel statement or an entitlement that comes alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from airferry_archive import release as releases
from airferry_archive.release import Release
from airferry_foundation import clock, documents, versions
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    AirferryError,
    AudienceError,
    DocumentError,
    ReleaseRefusedError,
    RootError,
    ThresholdError,
    TrustError,
)
from airferry_installer import entitling
from airferry_installer import standing as standings
from airferry_installer import trust as trusts
from airferry_installer.standing import Standing
from airferry_installer.trust import LineTrust, Seen, Signed, Time, TrustState
from airferry_signing import channel as channels
from airferry_signing import roots as root_chains
from airferry_signing.channel import Channel
from airferry_signing.cosign import Cosign
from airferry_signing.roots import RootChain, SignedDocument

__all__ = ["Context", "Statements", "TrustState", "Verdict", "admit", "learn"]


class Statements(Protocol):
    """What admission reads of a bundle's header."""

    @property
    def release(self) -> bytes:
        """The bytes of release.json."""

    @property
    def signatures(self) -> tuple[bytes, ...]:
        """Its signatures."""

    @property
    def roots(self) -> Mapping[int, SignedDocument]:
        """All roots, by number."""

    @property
    def channel(self) -> SignedDocument | None:
        """The channel statement, if there is one."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where and when a bundle is judged.

    `now` is the system clock, `last` the latest time in the journal. `environments` and
    `platforms` are the site's; empty platforms mean that any will do (`doctor` compares nodes).
    `environment` narrows the first to one. `installer` is our own version.
    """

    now: datetime
    customer: str
    products: tuple[str, ...]
    environments: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    environment: str | None = None
    installer: str = ""
    last: datetime | None = None
    cosign: Cosign | None = None
    entitlements: tuple[SignedDocument, ...] = ()
    """Those that lie beside the bundle; looked at where a release is for `entitled` customers."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. Exactly one of `release` and `refusal` is set.

    `signers` are the ids of the keys of the newest root that signed; empty where that root accepts
    the release by its digest. `roots` are (first known, newest) after taking over, `taken` how many
    of them were new.
    """

    digest: str
    time: Time
    release: Release | None = None
    refusal: AirferryError | None = None
    signers: frozenset[str] = frozenset()
    threshold: int = 0
    root_number: int = 0
    roots_taken: int = 0
    channel: Channel | None = None
    standing: Standing | None = None
    """What the vendor last said about all of its releases; None of an unknown product line."""
    notes: tuple[str, ...] = ()

    def admitted(self) -> Release:
        """The release; raises the refusal if it was refused."""
        if self.release is None:
            raise self.refusal or ReleaseRefusedError("the release was not admitted")
        return self.release


def admit(
    header: Statements, remembered: TrustState, context: Context
) -> tuple[TrustState, Verdict]:
    """Judge a header: what to remember from now on, and the verdict."""
    gate = _Gate(header, remembered, context)
    release, refusal = None, None
    try:
        release = gate.judge()
    except (TrustError, DocumentError) as error:
        refusal = error
    trust = remembered if gate.line is None else remembered.with_line(gate.line)
    time = trusts.trusted_now(trust, context.now, context.last)
    channel = gate.line.statement() if gate.line else None
    return trust, Verdict(
        digest=gate.digest,
        time=time,
        release=release,
        refusal=refusal,
        signers=gate.signers,
        threshold=gate.threshold,
        root_number=gate.chain.number if gate.chain else 0,
        roots_taken=gate.taken,
        channel=channel,
        standing=standings.of(gate.line, time) if gate.line else None,
        notes=tuple(_notes(release, channel, time, gate)),
    )


@dataclass(frozen=True, slots=True)
class Alone:
    """What may come without a bundle: roots, a channel statement, an entitlement."""

    product: str
    roots: Mapping[int, SignedDocument] = field(default_factory=dict)
    channel: SignedDocument | None = None
    entitlement: SignedDocument | None = None
    release: bytes = b""
    signatures: tuple[bytes, ...] = ()


def learn(
    alone: Alone, remembered: TrustState, context: Context
) -> tuple[TrustState, AirferryError | None]:
    """Judge statements that came alone: what to remember from now on, and why one was refused.

    The same rules as for those in a bundle. An entitlement that is older than the one remembered is
    refused; one that has ended is not, but lets nothing pass.
    """
    gate = _Gate(alone, remembered, context)
    refusal = None
    try:
        gate.take(alone)
    except (TrustError, DocumentError) as error:
        refusal = error
    return remembered if gate.line is None else remembered.with_line(gate.line), refusal


@dataclass(slots=True)
class _Gate:
    """One passage. `line` is what is known so far: it only ever grows."""

    header: Statements
    remembered: TrustState
    context: Context
    digest: str = ""
    line: LineTrust | None = None
    chain: RootChain | None = None
    taken: int = 0
    signers: frozenset[str] = field(default_factory=frozenset)
    threshold: int = 0

    def judge(self) -> Release:
        self.digest = digest(self.header.release)
        line = self.line = self._known_line()
        line = self.line = self._take_roots(line)
        line = self.line = self._take_channel(line)
        accepted = self._judge_signatures()
        release = _read_release(self.header.release)
        line = self.line = self._judge_audience(release, line)
        self._judge_place(release, line, accepted=accepted)
        line = self.line = self._see(release, line)
        self._judge_fate(release, line)
        self.line = _learn_release(release, line)
        return release

    def take(self, alone: Alone) -> None:
        """Take over what came without a release."""
        line = self.line = self._pinned_line(alone.product)
        line = self.line = self._take_roots(line)
        line = self.line = self._take_channel(line)
        if alone.entitlement is not None:
            self.line = self._learn_entitlement(line, alone.entitlement)

    def _learn_entitlement(self, line: LineTrust, offered: SignedDocument) -> LineTrust:
        here = self.context
        entitling.judged(offered, line, here.customer, here.cosign)
        held = entitling.newest(line, (offered,), here.customer, here.cosign)
        if held.signed.document != offered.document:
            raise ReleaseRefusedError(
                f"the entitlement is not newer than the one of {held.entitlement.issued_at} that "
                "is known here",
                "Nothing is to be done, if that one is right; else ask the vendor for a new one.",
            )
        return msgspec.structs.replace(line, entitlement=held.kept)

    # --- roots ------------------------------------------------------------------------------------

    def _known_line(self) -> LineTrust:
        """The product line that the bundle claims to be of."""
        lines = self.remembered.lines
        if self.header.roots:
            number = max(self.header.roots)
            root = root_chains.read_root(self.header.roots[number].document, f"root {number}")
            product = root.product
        elif len(lines) == 1:
            product = lines[0].product
        else:
            raise RootError("the bundle carries no root", "Get one built anew from the vendor.")
        return self._pinned_line(product)

    def _pinned_line(self, product: str) -> LineTrust:
        line = self.remembered.line(product)
        if line is None:
            known = ", ".join(line.product for line in self.remembered.lines) or "none"
            raise AudienceError(
                f"it is of product line {product!r}; roots are pinned here for: {known}",
                "If you want this product: `init --vendor-root` with its root and fingerprint.",
            )
        return line

    def _take_roots(self, line: LineTrust) -> LineTrust:
        known = line.chain
        chain, error = root_chains.advance(known, self.header.roots, cosign=self.context.cosign)
        self.chain = chain
        self.taken = len(chain.signed) - len(known.signed)
        if self.taken:
            line = self.line = _with_roots(line, chain)
        if error is not None:
            raise error
        return line

    @property
    def _newest(self) -> root_chains.Root:
        assert self.chain is not None  # noqa: S101 - judge() takes the roots first
        return self.chain.newest

    # --- channel ----------------------------------------------------------------------------------

    def _take_channel(self, line: LineTrust) -> LineTrust:
        signed = self.header.channel
        if signed is None or (line.channel and signed.document == line.channel.document):
            return line
        statement = channels.read(signed.document)
        known = line.statement()
        try:
            root_chains.accept(
                signed, "channel", self._newest, name="channel.json", cosign=self.context.cosign
            )
        except ThresholdError:
            if known is not None and statement.place < known.place:
                return line  # an old stick after the channel's keys changed: it adds nothing
            raise
        _judge_channel(statement, line)
        if statement.epoch < line.epoch:
            return line
        return _learn_channel(line, known, statement, signed)

    # --- release ----------------------------------------------------------------------------------

    def _judge_signatures(self) -> bool:
        """Whether the newest root accepts the release by its digest; else it must be signed."""
        root = self._newest
        self.threshold = root.roles["release"].threshold
        if self.digest in root.accepted_releases:
            return True
        signed = SignedDocument(self.header.release, self.header.signatures)
        self.signers = root_chains.accept(
            signed, "release", root, name="release.json", cosign=self.context.cosign
        )
        return False

    def _judge_audience(self, release: Release, line: LineTrust) -> LineTrust:
        here, name = self.context, f"{release.product} {release.version}"
        if release.product != line.product or release.product not in here.products:
            raise AudienceError(
                f"the release is {name}; this site has {', '.join(here.products)}",
                "Add the product to `products` in site.yaml if you want it.",
            )
        customers = release.audience.customers
        if not isinstance(customers, str) and here.customer not in customers:
            raise AudienceError(
                f"{name} is for {', '.join(customers)}; this site is of {here.customer}",
                "You were given another customer's bundle: give it back, ask the vendor for yours.",
            )
        environments = release.audience.environments
        mine = (here.environment,) if here.environment else here.environments
        if environments != "any" and mine and not set(environments) & set(mine):
            raise AudienceError(
                f"{name} is for environments {', '.join(environments)}; here: {', '.join(mine)}",
                "Ask the vendor for a release for this environment.",
            )
        if here.platforms and not set(here.platforms) & set(release.platforms):
            raise AudienceError(
                f"{name} is for {', '.join(release.platforms)}; this site runs "
                f"{', '.join(here.platforms)}",
                "Ask the vendor for a bundle for your platform.",
            )
        return self._take_entitlement(line) if customers == "entitled" else line

    def _take_entitlement(self, line: LineTrust) -> LineTrust:
        """Demand that the customer is entitled to the product, and remember by what."""
        here = self.context
        held = entitling.newest(line, here.entitlements, here.customer, here.cosign)
        line = self.line = msgspec.structs.replace(line, entitlement=held.kept)
        trust = self.remembered.with_line(line)
        entitling.expect(held, line.product, trusts.trusted_now(trust, here.now, here.last))
        return line

    def _judge_place(self, release: Release, line: LineTrust, *, accepted: bool) -> None:
        root = self._newest
        if release.root_version > root.number:
            raise RootError(
                f"the release was made under root {release.root_version}; the newest root known "
                f"is {root.number}",
                "The bundle lacks roots. Get one built anew from the vendor.",
            )
        if release.epoch != root.epoch and not accepted:
            raise ReleaseRefusedError(
                f"the release is of epoch {release.epoch}; root {root.number} is of epoch "
                f"{root.epoch}",
                "The vendor began anew after it. Ask for a release of the present epoch.",
            )
        known = line.release_at(release.epoch, release.release_counter)
        if known is not None and known != self.digest:
            raise ReleaseRefusedError(
                f"two different releases have epoch {release.epoch} and counter "
                f"{release.release_counter}: {known} was seen before, now {self.digest}",
                "The vendor's keys may be stolen, or two builds were mixed up. Ask the vendor.",
            )

    def _see(self, release: Release, line: LineTrust) -> LineTrust:
        if line.release_at(release.epoch, release.release_counter) is not None:
            return line
        seen = Seen(epoch=release.epoch, counter=release.release_counter, release=self.digest)
        places = sorted((*line.seen, seen), key=lambda one: (one.epoch, one.counter))
        return msgspec.structs.replace(line, seen=tuple(places))

    def _judge_fate(self, release: Release, line: LineTrust) -> None:
        name = f"{release.product} {release.version} (counter {release.release_counter})"
        if self.digest in line.revoked:
            raise ReleaseRefusedError(f"{name} was revoked by the vendor", _newer_hint(line))
        floor = max(line.floor, release.security_floor)  # one below its own floor is none either
        if release.epoch == line.epoch and release.release_counter < floor:
            raise ReleaseRefusedError(
                f"{name} is below the security floor {floor}", _newer_hint(line)
            )
        needed, mine = release.requires.installer, self.context.installer
        if needed and mine and not versions.within(versions.parse(mine), needed):
            raise ReleaseRefusedError(
                f"{name} needs installer {needed}; this one is {mine}",
                "Update airferry-installer, then give the same command again.",
            )


# --- what is learned ------------------------------------------------------------------------------


def _with_roots(line: LineTrust, chain: RootChain) -> LineTrust:
    """The line under a longer chain; a new epoch starts everything but `seen` afresh."""
    newest, roots = chain.newest, trusts.stored(chain)
    if newest.epoch != line.epoch:
        return LineTrust(
            product=line.product,
            roots=roots,
            epoch=newest.epoch,
            seen=line.seen,
            entitlement=line.entitlement,
            learned=newest.issued_at,
        )
    return msgspec.structs.replace(line, roots=roots, learned=line.later(newest.issued_at))


def _judge_channel(statement: Channel, line: LineTrust) -> None:
    if statement.product != line.product:
        raise AudienceError(
            f"channel.json is about {statement.product!r}, expected {line.product!r}",
            "The bundle was put together wrongly. Get another from the vendor.",
        )
    if statement.epoch > line.epoch:
        raise RootError(
            f"channel.json is of epoch {statement.epoch}; the newest root known is of epoch "
            f"{line.epoch}",
            "The bundle lacks roots. Get one built anew from the vendor.",
        )


def _learn_channel(
    line: LineTrust, known: Channel | None, statement: Channel, signed: SignedDocument
) -> LineTrust:
    newest = channels.newer(known, statement)
    kept = Signed(document=signed.document, signatures=signed.signatures)
    return msgspec.structs.replace(
        line,
        channel=kept if newest is statement else line.channel,
        floor=max(line.floor, statement.security_floor),
        newest_counter=max(line.newest_counter, statement.newest_counter),
        revoked=tuple(sorted({*line.revoked, *statement.revoked})),
        learned=line.later(statement.issued_at),
    )


def _learn_release(release: Release, line: LineTrust) -> LineTrust:
    if release.epoch != line.epoch:
        return line
    return msgspec.structs.replace(
        line,
        floor=max(line.floor, release.security_floor),
        newest_counter=max(line.newest_counter, release.release_counter),
        learned=line.later(release.issued_at),
    )


# --- words ----------------------------------------------------------------------------------------


class _Installer(msgspec.Struct, frozen=True):
    installer: str = ""


class _Head(msgspec.Struct, frozen=True):
    """What every future release will still say of itself."""

    schema: str = ""
    requires: _Installer = _Installer()


def _read_release(data: bytes) -> Release:
    try:
        return documents.decode(data, Release, name="release.json", cap=releases.MAX_BYTES)
    except DocumentError as error:
        try:
            head = msgspec.json.decode(data, type=_Head)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise error from None
        if head.schema in {"", releases.SCHEMA}:
            raise
        needed = head.requires.installer[:80]
        raise ReleaseRefusedError(
            f"release.json has schema {head.schema[:80]!r}; this installer reads "
            f"{releases.SCHEMA!r}",
            f"It needs installer {needed or 'of a newer version'}: update, then try again.",
        ) from None


def _newer_hint(line: LineTrust) -> str:
    statement = line.statement()
    if statement is None:
        return "Ask the vendor for a newer bundle."
    newest = f"{statement.newest_version} (counter {statement.newest_counter})"
    return f"Ask the vendor for a newer bundle; {newest} is the newest that is known here."


def _notes(
    release: Release | None, channel: Channel | None, time: Time, gate: _Gate
) -> Iterator[str]:
    """What a person should know, whatever the verdict."""
    if gate.taken and gate.chain is not None:
        first = gate.chain.number - gate.taken + 1
        yield f"new roots were taken over: {first} to {gate.chain.number}"
    if release is not None and not gate.signers:
        yield "accepted by digest in the newest root, without signatures of its keys"
    if channel is None:
        yield "no channel statement is known: what is newest, and what is revoked, can't be told"
    else:
        yield from _channel_notes(release, channel, time)
    if time.doubt:
        yield f"{time.doubt}: correct the clock, or see `clock show`"


def _channel_notes(release: Release | None, channel: Channel, time: Time) -> Iterator[str]:
    yield f"the channel statement is {clock.age(clock.read(channel.issued_at), time.now)} old"
    if channel.next_expected and clock.read(channel.next_expected) < time.now:
        yield f"the next one was to be expected by {channel.next_expected}"
    if release is not None and release.release_counter < channel.newest_counter:
        yield f"a newer release is known: {channel.newest_version}"
