"""Who plays in the demo, and what they have: handed from act one to act two."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airferry_demo.stage import Actor, Stage

PASSPHRASE = "the demo's keys are worth nothing"


@dataclass(frozen=True, slots=True)
class Cast:
    """The actors, and where their things are."""

    stage: Stage
    vendor: Actor
    customer: Actor
    registry: str
    """The vendor's registry, host:port."""
    local_registry: str
    """The customer's own registry, host:port, inside their namespace."""

    @property
    def stick(self) -> Path:
        """The folder that plays the USB stick."""
        return self.stage.folder / "usb"

    def bundler(self, *arguments: str | Path, **told: object) -> str:
        """The vendor runs airferry-bundler."""
        return self.vendor.run("airferry-bundler", *arguments, **told)  # type: ignore[arg-type]  # passed on

    def installer(self, *arguments: str | Path, **told: object) -> str:
        """The customer runs airferry-installer, with their state folder."""
        command = ("airferry-installer", "--state", "state", *arguments)
        return self.customer.run(*command, **told)  # type: ignore[arg-type]  # passed on
