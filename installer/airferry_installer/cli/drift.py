"""airferry-installer drift."""

from __future__ import annotations

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.asking import (
    EnvironmentOption,
    ProductOption,
    connected,
    environment_of,
)


@app.command("drift")
def drift(
    context: typer.Context,
    environment: EnvironmentOption = None,
    product: ProductOption = None,
    output: OutputOption = Format.text,
) -> None:
    """Compare the cluster with what was applied: exit code 0 where nothing differs, else 1.

    Fields that the site lists under `ignore`, and generated ones, are never drift.

        airferry-installer drift -e production || echo "somebody changed something"
    """
    import msgspec

    from airferry_installer.applying import drift as drifting
    from airferry_installer.applying import finding
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    name = environment_of(state, environment)
    with connected(state, name) as client:
        found = drifting.find(state, client, name, finding.product_of(state.site(), product))
    what = f"{found.running.product} {found.running.version} on {name}"
    if found.steps:
        out.say(f"{what} has drifted: {len(found.steps)} objects differ", style="bold")
    else:
        out.say(f"{what}: no drift")
    for line in drifting.lines(found):
        out.say(f"  {line}")
    out.answer(
        {
            "drift": bool(found.steps),
            "revision": found.running.revision,
            "version": found.running.version,
            "objects": msgspec.to_builtins(found.steps),
        }
    )
    if found.steps:
        raise typer.Exit(1)
