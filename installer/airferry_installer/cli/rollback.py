"""airferry-installer rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.asking import (
    EnvironmentOption,
    ProductOption,
    connected,
    environment_of,
)


@app.command("rollback")
def rollback(
    context: typer.Context,
    to_file: Annotated[Path, typer.Option("-o", "--to-file", help="Where the plan goes.")],
    environment: EnvironmentOption = None,
    to: Annotated[
        int, typer.Option("--to", min=0, help="The revision [default: the one before]")
    ] = 0,
    product: ProductOption = None,
    output: OutputOption = Format.text,
) -> None:
    """Plan the way back to an older revision that is kept here.

    It is a plan like any other: it needs a request and approvals of its own. To undo the last
    change at once, under its own approval, see apply --backout.

        airferry-installer rollback -e production --to 3 -o plan.json
    """
    from airferry_foundation import documents, files
    from airferry_installer import rollback as rolling
    from airferry_installer import standing
    from airferry_installer.applying import finding
    from airferry_installer.approving import timing
    from airferry_installer.planning import views
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    name = environment_of(state, environment)
    one = finding.product_of(state.site(), product)
    with connected(state, name) as client:
        plan = rolling.plan(state, client, name, one, to)
    files.write_atomic(to_file, documents.encode(plan))
    for line in views.text(plan):
        out.say(line)
    out.say(f"wrote {to_file}")
    stands = standing.known(state, plan.product)
    for line in (*stands.lines(), *timing.lines(plan.calendar, stands.time)):
        out.say(line)
    out.answer(
        {
            "plan": str(to_file),
            "digest": documents.digest_of(plan),
            "version": plan.version,
            "operation": plan.operation,
            "channel": stands.content(),
            "time": timing.content(plan.calendar, stands.time),
        }
    )
