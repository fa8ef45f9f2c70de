"""Writes enrolment.json, which the vendor takes once, with its fingerprint told by telephone."""

from __future__ import annotations

from pathlib import Path

from airferry_foundation import files
from airferry_installer.state import StateFolder
from airferry_signing import sshsig
from airferry_telemetry import enrolment
from airferry_telemetry.enrolment import Enrolment

NAME = "enrolment.json"


def ensure(state: StateFolder) -> tuple[Path, Enrolment]:
    """Make the state folder's enrolment.json if it is not there (or of another customer)."""
    path = state.folder / NAME
    private = sshsig.read_private(state.instance_key)
    customer = state.site().customer
    if path.exists():
        found = enrolment.read(files.read_capped(path, enrolment.MAX_BYTES), name=str(path))
        if (found.customer, found.public) == (customer, private.public):
            return path, found
    data = enrolment.make(customer, private)
    files.write_atomic(path, data)
    return path, enrolment.read(data, name=str(path))
