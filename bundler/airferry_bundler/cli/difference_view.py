"""How the difference between two releases is shown, by `diff` and to those who sign."""

from __future__ import annotations

from typing import Any

import msgspec

from airferry_bundler.compare import Difference
from airferry_foundation.console.live import size
from airferry_foundation.console.output import Output

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def show(out: Output, found: Difference) -> None:
    """For people."""
    for change in found.changes:
        out.say(f"{_SIGNS[change.action]} {change.part} {change.name}")
        if change.before:
            out.say(f"    - {change.before}")
        if change.after:
            out.say(f"    + {change.after}")
    out.say(
        f"{found.blobs_added} blobs of {size(found.bytes_to_carry)} to carry, "
        f"{found.blobs_kept} of {size(found.bytes_kept)} are in both"
    )


def content(found: Difference) -> dict[str, Any]:
    """For scripts."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    for shown, change in zip(plain["changes"], found.changes, strict=True):
        shown["action"] = change.action
    return plain | {"same": found.same}
