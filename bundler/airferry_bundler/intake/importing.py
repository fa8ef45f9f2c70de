"""Takes a telemetry file in: open, judge, keep apart by customer. Never merged in silence.

Order: unseal (in memory) -> form and signature -> region and recipient -> who is it -> sequence ->
archive, sealed anew -> database. What fails before `who is it` leaves nothing behind: data of
another region must not even lie in quarantine here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airferry_bundler.fleet.database import Known
from airferry_bundler.fleet.store import CustomerStore, Store
from airferry_bundler.intake.sequence import State, Verdict, judge
from airferry_foundation import clock, files
from airferry_foundation.errors import InputError, TelemetryRefusedError, TrustError
from airferry_signing import sealing
from airferry_signing.sealing import Identity
from airferry_telemetry import envelope, samples
from airferry_telemetry.envelope import Package


@dataclass(frozen=True, slots=True)
class Intake:
    """Where files are taken in: the store, and the key that opens them.

    `region` is where the intake is; None means: that of the store, which its first file fixes.
    """

    store: Store
    identity: Identity
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file."""

    path: Path
    state: State
    reason: str
    package: Package


def take(path: Path, intake: Intake, *, remove: bool = False) -> Imported:
    """Import one file. TelemetryRefusedError or SignatureError: it is not what it should be.

    `remove` deletes the file once it is stored (accepted, gap or duplicate).
    """
    sealed = files.read_capped(path, sealing.MAX_SEALED_BYTES)
    package = _open(sealed, str(path), intake)
    customer, verdict = _verdict(package, intake.store)
    if verdict.state == "quarantined" or customer is None:
        intake.store.quarantine(sealed)
        return Imported(path, "quarantined", verdict.reason, package)
    intake.store.settle(package.manifest.region)  # never by a file of somebody unknown
    if verdict.state != "duplicate":
        customer.archive(package.digest, package.tar)
        customer.database.add(package, verdict.state, clock.timestamp())
    intake.store.release(sealed)
    if remove:
        files.remove(path)
    return Imported(path, verdict.state, verdict.reason, package)


def _open(sealed: bytes, name: str, intake: Intake) -> Package:
    try:
        tar = sealing.unseal(sealed, intake.identity.secret, name=name)
    except TrustError as error:
        raise TelemetryRefusedError(error.message, error.hint) from None
    package = envelope.unpack(tar, name=name)
    manifest = package.manifest
    regions = {intake.region, intake.store.region()} - {None} or {manifest.region}
    if regions != {manifest.region} or manifest.region not in manifest.allowed_regions:
        raise TelemetryRefusedError(
            f"{name} is for region {manifest.region!r}, this intake and its store are of "
            f"{', '.join(sorted(map(repr, regions)))}",
            "Nothing of it was kept. Hand it to the intake of its region.",
        )
    if intake.identity.recipient not in manifest.recipients:
        raise TelemetryRefusedError(
            f"{name} was sealed for this key by somebody whom its manifest does not name",
            "Its customer meant it for others; nothing of it was kept.",
        )
    try:
        samples.read(package.contents[envelope.METRICS])
    except InputError as error:
        raise TelemetryRefusedError(f"{name}: {error.message}", error.hint) from None
    return package


def _verdict(package: Package, store: Store) -> tuple[CustomerStore | None, Verdict]:
    manifest = package.manifest
    customer = store.customer(manifest.customer)
    if customer is None or manifest.instance not in customer.database.instances():
        reason = f"instance {manifest.instance} is not enrolled for customer {manifest.customer!r}"
        return None, Verdict("quarantined", reason)
    new = Known(manifest.seq, package.digest, manifest.previous)
    return customer, judge(new, customer.database.stream(manifest))
