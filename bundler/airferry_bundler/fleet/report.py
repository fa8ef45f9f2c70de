"""The fleet: what each customer's environments run and how they do. No data is never health.

Pure over what the database gives, but for reading it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from airferry_bundler.fleet.database import Database
from airferry_bundler.fleet.store import Store
from airferry_foundation import clock, versions
from airferry_telemetry.envelope import Manifest
from airferry_telemetry.samples import Sample

SILENT_AFTER_DAYS = 14
NO_DATA = "no data"


@dataclass(frozen=True, slots=True)
class Row:
    """One product in one environment of a customer's; '' and None where nothing is known.

    `health` is `healthy` only where workloads were counted, not long ago, and all are ready.
    """

    customer: str
    environment: str
    product: str
    version: str
    newest: str
    silent_days: int | None
    health: str
    restarts: int | None
    missing: tuple[int, ...]
    withheld: tuple[str, ...]
    clock_certain: bool | None


def rows(store: Store, now: datetime, *, silent_after: int = SILENT_AFTER_DAYS) -> tuple[Row, ...]:
    """A row for each customer, environment and product; one for each that never said a word."""
    found: list[Row] = []
    for customer in store.customers():
        mine = _of_customer(customer.name, customer.database, now, silent_after)
        found.extend(mine or [_nothing(customer.name)])
    newest = _newest(found)
    return tuple(_against(row, newest) for row in found)


def _of_customer(name: str, database: Database, now: datetime, silent_after: int) -> list[Row]:
    streams: dict[tuple[str, str], list[tuple[str, Manifest]]] = {}
    for export, manifest in database.manifests():
        streams.setdefault((manifest.instance, manifest.environment), []).append((export, manifest))
    found: list[Row] = []
    for exports in streams.values():
        lineage = exports[-1][1].lineage
        line = [one for one in exports if one[1].lineage == lineage]
        export, manifest = max(line, key=lambda one: (one[1].epoch, one[1].seq))
        known = [other.seq for _, other in line]
        found.extend(_rows(name, manifest, database.samples(export), known, (now, silent_after)))
    heard = {manifest.instance for exports in streams.values() for _, manifest in exports}
    if set(database.instances()) - heard and found:
        found.append(_nothing(name))
    return found


def _rows(
    customer: str,
    manifest: Manifest,
    samples: Sequence[Sample],
    known: Sequence[int],
    when: tuple[datetime, int],
) -> list[Row]:
    now, silent_after = when
    silent = max((now - clock.read(manifest.made_at)).days, 0)
    shown = [(one.product, one.version) for one in manifest.installed] or [("", "")]
    return [
        Row(
            customer=customer,
            environment=manifest.environment,
            product=product,
            version=version,
            newest="",
            silent_days=silent,
            health=_health(manifest, samples, product, stale=silent > silent_after),
            restarts=_restarts(samples, product),
            missing=tuple(sorted(set(range(1, max(known))) - set(known))),
            withheld=manifest.categories.withheld,
            clock_certain=manifest.clock.certain,
        )
        for product, version in shown
    ]


def _health(manifest: Manifest, samples: Iterable[Sample], product: str, *, stale: bool) -> str:
    if "health" in manifest.categories.withheld:
        return f"{NO_DATA} (withheld)"
    failed = [gap.reason for gap in manifest.gaps if gap.category == "health"]
    if failed:
        return f"{NO_DATA} ({failed[0]})"
    if stale:
        return f"{NO_DATA} (silent)"
    counts = {
        dict(one.labels).get("state", ""): int(one.value)
        for one in _latest(samples, "airferry_workloads", product)
    }
    if not counts:
        return NO_DATA
    total = sum(counts.values())
    if total == 0:
        return f"{NO_DATA} (no workloads)"
    troubled = [f"{counts[state]} {state}" for state in ("failed", "waiting") if counts.get(state)]
    return f"unhealthy: {', '.join(troubled)} of {total}" if troubled else "healthy"


def _restarts(samples: Iterable[Sample], product: str) -> int | None:
    found = _latest(samples, "airferry_workload_restarts", product)
    return sum(int(one.value) for one in found) if found else None


def _latest(samples: Iterable[Sample], metric: str, product: str) -> list[Sample]:
    """The points of a metric at its last moment."""
    mine = [
        one
        for one in samples
        if one.metric == metric and dict(one.labels).get("product") == product
    ]
    last = max((one.at for one in mine), default=0)
    return [one for one in mine if one.at == last]


def _nothing(customer: str) -> Row:
    return Row(customer, "", "", "", "", None, NO_DATA, None, (), (), None)


def _newest(found: Iterable[Row]) -> dict[str, str]:
    newest: dict[str, str] = {}
    for row in found:
        if row.version and (
            row.product not in newest
            or versions.parse(row.version) > versions.parse(newest[row.product])
        ):
            newest[row.product] = row.version
    return newest


def _against(row: Row, newest: dict[str, str]) -> Row:
    from dataclasses import replace

    return replace(row, newest=newest.get(row.product, ""))
