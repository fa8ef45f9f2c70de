"""Where an export stands in its stream: pure, and the only judge of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from airferry_bundler.fleet.database import Known

State = Literal["accepted", "duplicate", "gap", "quarantined"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a file, and why ('' where that goes without saying)."""

    state: State
    reason: str = ""


def judge(new: Known, known: Iterable[Known]) -> Verdict:
    """The verdict over an export, against the others of its stream.

    A gap is taken in, and said: the missing export may still come. What contradicts another export
    of the stream is never merged.
    """
    by_number = {one.seq: one for one in known}
    same = by_number.get(new.seq)
    if same is not None:
        if same.digest == new.digest:
            return Verdict("duplicate")
        return Verdict("quarantined", f"another export has number {new.seq}: a copied instance?")
    if contradiction := _contradiction(new, by_number):
        return Verdict("quarantined", contradiction)
    if new.seq > 1 and new.seq - 1 not in by_number:
        return Verdict("gap", f"export {new.seq - 1} is missing before it")
    return Verdict("accepted")


def _contradiction(new: Known, by_number: Mapping[int, Known]) -> str:
    before, after = by_number.get(new.seq - 1), by_number.get(new.seq + 1)
    if (new.seq == 1) != (new.previous is None):
        return "only the first export has none before it"
    if before is not None and before.digest != new.previous:
        return f"it does not follow export {before.seq} that is known"
    if after is not None and after.previous != new.digest:
        return f"export {after.seq} that is known does not follow it"
    return ""
