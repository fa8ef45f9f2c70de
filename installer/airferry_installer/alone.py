"""Statements that come without a bundle: a channel statement, an entitlement. Through the one gate.

Judged by `admission.learn`, remembered and journalled like those in a bundle.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airferry_foundation.errors import AirferryError, AudienceError, InputError
from airferry_installer import admission, opening, standing
from airferry_installer.admission import Alone
from airferry_installer.standing import Standing
from airferry_installer.state import StateFolder
from airferry_signing import channel as channels
from airferry_signing import entitlement as entitlements
from airferry_signing import roots
from airferry_signing.entitlement import Entitlement
from airferry_signing.signature_files import read_signed


@dataclass(frozen=True, slots=True)
class Imported:
    """Where a product line stands now; `new` says whether the statement changed that."""

    standing: Standing
    new: bool


def import_channel(state: StateFolder, path: Path, roots_folder: Path | None = None) -> Imported:
    """Take over a channel statement, and the roots that came with it; raises why it is refused."""
    signed = read_signed(path, cap=channels.MAX_BYTES)
    product = channels.read(signed.document, name=str(path)).product
    offered = roots.read_folder(roots_folder) if roots_folder is not None else {}
    before = state.trust().line(product)
    _learn(state, path, Alone(product=product, roots=offered, channel=signed))
    line = state.trust().line(product)
    if line is None:
        raise InputError(f"{product} is unknown here")
    known = before.channel.document if before is not None and before.channel else None
    now_known = line.channel.document if line.channel else None
    return Imported(standing.of(line, state.now()), now_known != known)


def import_entitlement(state: StateFolder, path: Path) -> Entitlement:
    """Remember an entitlement for each of its products that is pinned here.

    Raises why it is refused; AudienceError where none of its products is known here.
    """
    signed = read_signed(path, cap=entitlements.MAX_BYTES)
    said = entitlements.read(signed.document, name=str(path))
    known = [product for product in said.products if state.trust().line(product) is not None]
    if not known:
        raise AudienceError(
            f"{path} is for {', '.join(said.products)}; none of these is pinned here",
            "Pin the product's root first: airferry-installer init.",
        )
    for product in known:
        _learn(state, path, Alone(product=product, entitlement=signed))
    return said


def _learn(state: StateFolder, path: Path, alone: Alone) -> None:
    with state.exclusive():
        learned, refusal = admission.learn(alone, state.trust(), opening.context(state))
        state.remember(learned)
        if refusal is None:
            state.journal.append("statement taken", file=path.name, product=alone.product)
            return
        state.journal.append(
            "statement refused",
            file=path.name,
            product=alone.product,
            error=type(refusal).__name__,
            message=refusal.message[:2000],
        )
    raise _named(refusal, path)


def _named(refusal: AirferryError, path: Path) -> AirferryError:
    hint = refusal.hint or "Nothing of it was used. Get another from the vendor."
    return type(refusal)(f"{path.name}: {refusal.message}", hint)
