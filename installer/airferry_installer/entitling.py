"""Whether this customer is entitled to a product. Pure: a part of the gate in `admission`.

Entitlements are judged anew at each passage, by the channel keys of the newest root; of those that
hold and name this customer, the one that was issued last decides. Others are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from airferry_foundation import clock
from airferry_foundation.errors import AirferryError, AudienceError, DocumentError, TrustError
from airferry_installer.trust import LineTrust, Signed, Time
from airferry_signing import entitlement as entitlements
from airferry_signing import roots
from airferry_signing.cosign import Cosign
from airferry_signing.entitlement import Entitlement
from airferry_signing.roots import SignedDocument

_HINT = (
    f"Put the {entitlements.FILE_NAME} that the vendor gave you, with its signatures, beside the "
    "bundle; or ask the vendor for one."
)


@dataclass(frozen=True, slots=True)
class Entitled:
    """An entitlement that holds here, and the bytes to remember."""

    entitlement: Entitlement
    signed: SignedDocument

    @property
    def kept(self) -> Signed:
        """As it is remembered."""
        return Signed(document=self.signed.document, signatures=self.signed.signatures)


def expect(held: Entitled, product: str, time: Time) -> None:
    """AudienceError unless it covers a product now.

    A learned time far ahead of the system clock counts too: in doubt a span of time is withheld.
    """
    said = held.entitlement
    if product not in said.products:
        raise AudienceError(
            f"the entitlement of {said.customer} is for {', '.join(said.products)}, not for "
            f"{product}",
            "Ask the vendor for one that covers the product.",
        )
    until = clock.read(said.until) if said.until else None
    if until is not None and time.latest > until:
        raise AudienceError(
            f"the entitlement of {said.customer} ended at {said.until}",
            "Ask the vendor for a new one. Correct this machine's clock if it is wrong.",
        )


def newest(
    line: LineTrust, offered: Iterable[SignedDocument], customer: str, cosign: Cosign | None
) -> Entitled:
    """What decides here, of the remembered one and those offered; AudienceError if none holds."""
    known = line.entitlement
    remembered = [SignedDocument(known.document, known.signatures)] if known else []
    best: Entitled | None = None
    why: AirferryError | None = None
    for signed in (*remembered, *offered):
        try:
            held = judged(signed, line, customer, cosign)
        except (TrustError, DocumentError) as error:
            why = error
            continue
        if best is None or held.entitlement.issued_at > best.entitlement.issued_at:
            best = held
    if best is not None:
        return best
    if why is not None:
        raise AudienceError(f"no entitlement holds here: {why.message}", why.hint or _HINT)
    raise AudienceError(
        f"this release is for entitled customers, and no entitlement of {customer} is here", _HINT
    )


def judged(
    signed: SignedDocument, line: LineTrust, customer: str, cosign: Cosign | None
) -> Entitled:
    """An entitlement that is signed and this customer's; TrustError or DocumentError otherwise."""
    root, name = line.chain.newest, entitlements.FILE_NAME
    roots.accept(signed, entitlements.ROLE, root, name=name, cosign=cosign)
    said = entitlements.read(signed.document)
    if said.customer != customer:
        raise AudienceError(
            f"{name} is of another customer than {customer}", "Give it back; ask for yours."
        )
    return Entitled(said, signed)
