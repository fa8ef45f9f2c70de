"""Helm hooks: objects that run at an event instead of staying.

Source: helm.sh/docs/topics/charts_hooks. Helm runs the hooks of an event by weight, then by name.
"""

from __future__ import annotations

from typing import Literal

from airferry_foundation.documents import Document
from airferry_foundation.errors import ChartError
from airferry_rendering.objects import Object, key_of

Moment = Literal["pre", "post"]

EVENTS = (
    "pre-install", "post-install", "pre-upgrade", "post-upgrade", "pre-rollback", "post-rollback",
    "pre-delete", "post-delete", "test", "test-success", "test-failure", "crd-install",
)  # fmt: skip
DELETE_POLICIES = ("before-hook-creation", "hook-succeeded", "hook-failed")
_BEFORE = "before-hook-creation"


class Hook(Document, frozen=True, kw_only=True):
    """When an object runs. `weight` is text, since a weight may be below zero."""

    events: tuple[str, ...]
    weight: str = ""
    delete_policies: tuple[str, ...] = ()

    @property
    def order(self) -> int:
        """The weight as a number; lower runs first."""
        return int(self.weight or "0")

    def runs_in(self, operation: str, moment: Moment) -> bool:
        """Whether it runs before (`pre`) or after (`post`) an operation."""
        return f"{moment}-{operation}" in self.events

    @property
    def deletes_before(self) -> bool:
        """Whether an earlier run's object is deleted first: Helm's default."""
        return not self.delete_policies or _BEFORE in self.delete_policies


def hook_of(obj: Object) -> Hook | None:
    """An object's hook, None if it is none; ChartError for a weight or event that Helm lacks."""
    annotations = obj["metadata"].get("annotations") or {}
    named = annotations.get("helm.sh/hook")
    if not named:
        return None
    events = _words(named)
    unknown = set(events) - set(EVENTS)
    if unknown:
        raise ChartError(f"{key_of(obj)}: {min(unknown)!r} is no Helm hook event")
    weight = str(annotations.get("helm.sh/hook-weight", "") or "")
    try:
        order = int(weight or "0")
    except ValueError:
        raise ChartError(f"{key_of(obj)}: hook weight {weight!r} is no whole number") from None
    policies = _words(annotations.get("helm.sh/hook-delete-policy", ""))
    return Hook(events=events, weight=str(order) if order else "", delete_policies=policies)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in str(text).split(",") if word.strip())
