"""What the vendor last said about all of its releases, and how old that is: shown with each choice.

Freeze (only old sticks arrive) can't be prevented without a network, so it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airferry_foundation import clock
from airferry_installer.trust import LineTrust, Time
from airferry_signing.channel import Channel

if TYPE_CHECKING:
    from airferry_installer.state import StateFolder

_QUIET = timedelta(days=90)
"""After so long a person should ask, where the vendor promised no date."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One product line here: the newest statement (None: there never was one), and our time."""

    product: str
    statement: Channel | None
    floor: int
    revoked: tuple[str, ...]
    time: Time

    @property
    def age(self) -> str:
        """How old the statement is, for people; '' without one."""
        if self.statement is None:
            return ""
        return clock.age(clock.read(self.statement.issued_at), self.time.now)

    @property
    def overdue(self) -> bool:
        """Whether a newer statement should have come by now."""
        if self.statement is None:
            return True
        promised = self.statement.next_expected
        issued = clock.read(self.statement.issued_at)
        return self.time.now > (clock.read(promised) if promised else issued + _QUIET)

    def lines(self) -> list[str]:
        """The same for people."""
        said = self.statement
        if said is None:
            lack = "no channel statement is known here: what is newest and what was revoked is not"
            return [f"{self.product}: {lack} known either"]
        revoked = f"{len(self.revoked)} revoked" if self.revoked else "none revoked"
        late = ""
        if self.overdue:
            by = f", the next was promised by {said.next_expected}" if said.next_expected else ""
            late = f": ask the vendor for a newer one{by}"
        newest = f"newest {said.newest_version} (counter {said.newest_counter})"
        place = f"channel statement {said.sequence} of epoch {said.epoch}"
        return [
            f"{self.product}: {newest}, floor {self.floor}, {revoked}",
            f"  by {place}, {self.age} old{late}",
        ]

    def content(self) -> dict[str, Any] | None:
        """The same for scripts; None without a statement."""
        said = self.statement
        if said is None:
            return None
        return {
            "product": self.product,
            "epoch": said.epoch,
            "sequence": said.sequence,
            "newest_version": said.newest_version,
            "newest_counter": said.newest_counter,
            "security_floor": self.floor,
            "revoked": self.revoked,
            "issued_at": said.issued_at,
            "next_expected": said.next_expected,
            "age_days": max(0, (self.time.now - clock.read(said.issued_at)).days),
            "overdue": self.overdue,
        }


def known(state: StateFolder, product: str) -> Standing:
    """Where a product line stands by what a state folder remembers."""
    line, now = state.trust().line(product), state.now()
    return of(line, now) if line else Standing(product, None, 0, (), now)


def of(line: LineTrust, time: Time) -> Standing:
    """Where a product line stands."""
    return Standing(line.product, line.statement(), line.floor, line.revoked, time)
