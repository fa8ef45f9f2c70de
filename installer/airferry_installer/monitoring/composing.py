"""Composes an export: the spool, redacted, with the manifest that the instance key signs."""

from __future__ import annotations

import getpass
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from airferry_foundation import clock, documents
from airferry_installer.monitoring import installed
from airferry_installer.monitoring.collectors import Collected
from airferry_installer.monitoring.consent import Consent
from airferry_installer.monitoring.sampling import spool_of
from airferry_installer.monitoring.streams import Stream
from airferry_installer.planning.plan import Running
from airferry_installer.state import StateFolder
from airferry_signing import sshsig
from airferry_telemetry import envelope, samples
from airferry_telemetry.envelope import Categories, Clock, Installed, Manifest, Period
from airferry_telemetry.redaction import redact


def compose(state: StateFolder, stream: Stream, agreed: Consent, collected: Collected) -> bytes:
    """The tar of the next export of a stream: everything agreed to since the last one."""
    time = state.now()
    end = int(time.now.timestamp())
    begin = int(clock.read(stream.until).timestamp()) if stream.until else 0
    spooled = spool_of(state).since(stream.environment, begin, end)
    running = _running(state, stream.environment)
    catalogue = installed.catalogue(state, running)
    leaving, report = redact(spooled, catalogue, frozenset(agreed.leaving), state.hmac_key())
    contents = {
        envelope.METRICS: samples.write(leaving, catalogue),
        envelope.EVENTS: b"".join(_events(state, stream, agreed)),
        envelope.REDACTION: documents.encode(report),
    }
    site = state.site()
    recipients = [installed.recipient(state, running)]
    if site.telemetry.also_to:
        recipients.append(site.telemetry.also_to)
    first = min((one.at for one in leaving), default=end)
    manifest = Manifest(
        schema="airferry.telemetry/v1",
        export=secrets.token_hex(16),
        customer=site.customer,
        instance=state.keys.public().key_id,
        environment=stream.environment,
        cluster=stream.cluster,
        lineage=stream.lineage,
        epoch=stream.epoch,
        seq=stream.seq + 1,
        previous=stream.previous,
        made_at=clock.write(time.now),
        period=Period(begin=stream.until or _time(first), end=clock.write(time.now)),
        dropped=spool_of(state).dropped(stream.environment),
        gaps=collected.gaps,
        categories=Categories(enabled=agreed.leaving, withheld=agreed.withheld),
        catalogue=catalogue.digest,
        region=site.telemetry.region,
        allowed_regions=(site.telemetry.region,),
        purpose=site.telemetry.purpose,
        recipients=tuple(recipients),
        files=envelope.listing(contents),  # type: ignore[arg-type] # its keys are the three files
        clock=Clock(system=clock.timestamp(), certain=time.certain),
        installed=tuple(_installed(one) for one in running),
        journal_head=state.journal.head(),
        released_by=_person(),
    )
    private = sshsig.read_private(state.instance_key)
    data = documents.encode(manifest)
    return envelope.pack(data, sshsig.sign(data, private), contents)


def _events(state: StateFolder, stream: Stream, agreed: Consent) -> Iterator[bytes]:
    """One line a change since the last export: only fields that are named here, no free text."""
    if "deploy-history" not in agreed.leaving:
        return
    for product in installed.products(state, stream.environment):
        for one in product.history:
            if stream.until is None or one.at > stream.until:
                event: Mapping[str, str | int] = {
                    "at": one.at,
                    "event": "deployment",
                    "outcome": one.outcome,
                    "product": product.name,
                    "revision": one.number,
                    "version": one.running.version,
                }
                yield documents.encode(event) + b"\n"


def _running(state: StateFolder, environment: str) -> list[Running]:
    products = installed.products(state, environment)
    return [one.running for one in products if one.running is not None]


def _installed(running: Running) -> Installed:
    return Installed(
        product=running.product,
        version=running.version,
        release=running.release,
        epoch=running.epoch,
        counter=running.release_counter,
    )


def _time(seconds: int) -> str:
    return clock.write(datetime.fromtimestamp(seconds, UTC))


def _person() -> str:
    """The account that lets the export go."""
    return getpass.getuser()[:64]
