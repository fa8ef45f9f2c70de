"""Consent: two switches a category, `collect` and `export`. All are off until somebody sets them.

Nothing is exported that is not collected too: both switches must be on for data to leave.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from airferry_foundation import documents
from airferry_foundation.documents import Document
from airferry_foundation.errors import TelemetryRefusedError
from airferry_installer.state import StateFolder
from airferry_telemetry.catalogue import CATEGORIES, STANDARD, Category, category

_SETTING = "telemetry/consent"
_MAX_BYTES = 4096


class Consent(Document, frozen=True, kw_only=True):
    """Which categories are collected, and which of them may leave."""

    schema: Literal["airferry.consent/v1"]
    collect: tuple[Category, ...] = ()
    export: tuple[Category, ...] = ()

    @property
    def leaving(self) -> tuple[Category, ...]:
        """What may leave: categories with both switches on that the catalogue has."""
        return tuple(c for c in STANDARD.categories if c in self.collect and c in self.export)

    @property
    def withheld(self) -> tuple[Category, ...]:
        """What the catalogue has and the customer keeps."""
        return tuple(c for c in STANDARD.categories if c not in self.leaving)


def read(state: StateFolder) -> Consent:
    """The switches as they are; all off if nobody ever set one."""
    text = state.setting(_SETTING)
    if text is None:
        return Consent(schema="airferry.consent/v1")
    return documents.decode(text.encode(), Consent, name="the consent", cap=_MAX_BYTES)


def change(state: StateFolder, *, collect: Iterable[str], export: Iterable[str]) -> Consent:
    """Set every switch, journalled; TelemetryRefusedError if something uncollected should leave."""
    collected, exported = _ordered(collect), _ordered(export)
    if alone := [one for one in exported if one not in collected]:
        raise TelemetryRefusedError(
            f"{', '.join(alone)} can't be exported without being collected",
            "Name it for --collect too.",
        )
    after = Consent(schema="airferry.consent/v1", collect=collected, export=exported)
    with state.exclusive():
        if after != read(state):
            state.journal.append(
                "telemetry consent changed", collect=list(collected), export=list(exported)
            )
            state.set(_SETTING, documents.encode(after).decode())
    return after


def demand(state: StateFolder) -> Consent:
    """The switches, if anything may leave at all; TelemetryRefusedError otherwise."""
    found = read(state)
    if not found.leaving:
        raise TelemetryRefusedError(
            "telemetry is switched off: nothing may leave",
            "See `telemetry consent`; switch on what you agree to, for example "
            "`telemetry consent --collect inventory,health --export inventory`.",
        )
    return found


def _ordered(names: Iterable[str]) -> tuple[Category, ...]:
    wanted = {category(name) for name in names}
    return tuple(one for one in CATEGORIES if one in wanted)
