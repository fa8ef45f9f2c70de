"""airferry-bundler fleet: enroll, report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import app
from airferry_foundation.console.commands import application
from airferry_foundation.console.output import Format, Output, OutputOption

fleet = application("fleet", "Know the customers' instances, and how they do.")
app.add_typer(fleet, name="fleet")

StoreOption = Annotated[Path, typer.Option("--store", help="The folder of all customers' data.")]


@fleet.command("enroll")
def enroll(
    enrolment: Annotated[Path, typer.Argument(help="The customer's enrolment.json.")],
    fingerprint: Annotated[
        str, typer.Option(help="SHA256:… as the customer read it over the telephone.")
    ],
    store: StoreOption,
    output: OutputOption = Format.text,
) -> None:
    """Take an instance's key, once; until then its telemetry is quarantined.

    The customer tells the fingerprint on another way than the one on which the file came.

        airferry-bundler fleet enroll enrolment.json --fingerprint SHA256:… --store fleet
    """
    from airferry_bundler.fleet import enrolling
    from airferry_bundler.fleet.store import Store

    out = Output(output)
    found, new = enrolling.enroll(enrolment, fingerprint, Store(store))
    state = "is enrolled" if new else "was enrolled already"
    out.say(f"customer {found.customer}: instance {found.fingerprint} {state}")
    out.answer({"customer": found.customer, "instance": found.fingerprint, "new": new})


@fleet.command("report")
def report(
    store: StoreOption,
    silent_after: Annotated[
        int, typer.Option(min=1, help="Days after which old health counts as no data.")
    ] = 14,
    output: OutputOption = Format.text,
) -> None:
    """Show what every customer's environments run, how they do, and what is missing.

    `newest` is the newest version that runs anywhere. "no data" never means healthy.
    """
    from airferry_bundler.fleet import report as reports
    from airferry_bundler.fleet.store import existing
    from airferry_foundation import clock

    out = Output(output)
    known = existing(store)
    rows = reports.rows(known, clock.now(), silent_after=silent_after)
    out.table(
        ("customer", "environment", "product", "version", "newest", "silent", "health",
         "restarts", "missing", "withheld"),
        [
            (
                row.customer,
                row.environment or "-",
                row.product or "-",
                row.version or "-",
                row.newest or "-",
                "-" if row.silent_days is None else f"{row.silent_days} d",
                row.health + ("" if row.clock_certain in (True, None) else " (clock uncertain)"),
                "-" if row.restarts is None else row.restarts,
                ", ".join(map(str, row.missing)) or "-",
                ", ".join(row.withheld) or "-",
            )
            for row in rows
        ],
    )  # fmt: skip
    if waiting := known.quarantined():
        out.say(f"{waiting} files wait in quarantine: {store / 'quarantine'}")
    out.answer({"rows": [asdict(row) for row in rows], "quarantined": known.quarantined()})
