"""All that was measured, and what the targets are about."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from metering import Cost, ratio, typical

OURS = ("build", "load", "reload", "inspect", "verify", "delta")


@dataclass
class Figures:
    """Costs by what was run, in the order of the rounds. Sizes in bytes; 0: not measured."""

    size: int = 0
    big_size: int = 0
    resent: int = 0
    delta_extra: int = 0
    busy: float = field(default_factory=lambda: os.getloadavg()[0])
    """Processes that ran on the machine when it began (the load average)."""
    costs: dict[str, list[Cost]] = field(default_factory=lambda: defaultdict(list))

    def add(self, what: str, cost: Cost) -> None:
        """One more run."""
        self.costs[what].append(cost)

    def has(self, what: str) -> bool:
        """Whether it was run."""
        return bool(self.costs.get(what))

    def of(self, what: str) -> Cost:
        """The typical run."""
        return typical(self.costs[what])

    def ratio(self, ours: str, floor: str) -> float:
        """The median over the pairs."""
        return ratio(self.costs[ours], self.costs[floor])

    def seconds(self, what: str) -> float:
        """The median wall."""
        return median(cost.wall for cost in self.costs[what])

    @property
    def resident_mb(self) -> float:
        """The most that any process of ours had, at any size."""
        mine = [cost for what in self.costs if _is_ours(what) for cost in self.costs[what]]
        return max(cost.resident_mb for cost in mine)

    @property
    def inspected(self) -> str:
        """The biggest bundle that was inspected."""
        return "big inspect" if self.has("big inspect") else "inspect"

    def slope(self, what: str) -> float:
        """Seconds for each further GB."""
        more = (self.big_size - self.size) / 1e9
        return (self.seconds(f"big {what}") - self.seconds(what)) / more

    def growth(self, ours: str, floor: str) -> float:
        """Our slope over the floor's."""
        return self.slope(ours) / self.slope(floor)

    def result(self) -> dict[str, Any]:
        """What .bench/result.json holds."""
        build, load, inspect = self.of("build"), self.of("load"), self.of(self.inspected)
        return {
            "resident_mb": round(self.resident_mb, 1),
            "build": {
                "wall_ratio": round(self.ratio("build", "curl down"), 3),
                "written_per_D": round(build.written / self.size, 4),
                "temporary_per_D": round(build.temporary / self.size, 4),
            },
            "load": {
                "wall_ratio": round(self.ratio("load", "curl up"), 3),
                "read_per_D": round(load.read / self.size, 4),
                "temporary_per_D": round(load.temporary / self.size, 4),
            },
            "reload": {"seconds": round(self.seconds("reload"), 3), "blob_bytes": self.resent},
            "inspect": {
                "seconds": round(self.seconds(self.inspected), 3),
                "read_mb": round(inspect.read / 1e6, 2),
            },
            "verify": {"ratio": round(1 / self.ratio("verify", "sha256sum"), 3)},
            "delta": {"extra_mb": round(self.delta_extra / 1e6, 3)},
        }

    def details(self) -> dict[str, Any]:
        """Every run."""
        return {
            "size": self.size,
            "big_size": self.big_size,
            "runs": {what: [asdict(cost) for cost in costs] for what, costs in self.costs.items()},
        }


def _is_ours(what: str) -> bool:
    return what.rsplit(maxsplit=1)[-1] in OURS
