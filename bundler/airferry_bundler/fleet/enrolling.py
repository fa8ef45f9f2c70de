"""Takes an instance's key once, with the fingerprint that the customer told by telephone."""

from __future__ import annotations

from pathlib import Path

from airferry_bundler.fleet.store import Store
from airferry_foundation import clock, documents, files
from airferry_foundation.errors import TelemetryRefusedError
from airferry_telemetry import enrolment
from airferry_telemetry.enrolment import Enrolment


def enroll(path: Path, fingerprint: str, store: Store) -> tuple[Enrolment, bool]:
    """Remember the instance of an enrolment file; also whether it is new.

    TelemetryRefusedError if its key has another fingerprint, or is enrolled for somebody else.
    """
    data = files.read_capped(path, enrolment.MAX_BYTES)
    found = enrolment.read(data, name=str(path))
    if found.fingerprint != fingerprint:
        raise TelemetryRefusedError(
            f"{path} is of a key with another fingerprint: expected {fingerprint}, "
            f"found {found.fingerprint}",
            "Have the customer read it again (ssh-keygen -l -f STATE/instance.pub); "
            "enroll nothing until they agree.",
        )
    for other in store.customers():
        if other.name != found.customer and fingerprint in other.database.instances():
            raise TelemetryRefusedError(f"this key is enrolled for customer {other.name!r}")
    customer = store.make_customer(found.customer)
    new = customer.database.enroll(fingerprint, documents.encode(found), clock.timestamp())
    return found, new
