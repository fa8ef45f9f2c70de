"""airferry-installer status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.asking import EnvironmentOption, ProductOption, connected

if TYPE_CHECKING:
    from airferry_installer.applying.status import Status


@app.command("status")
def status(
    context: typer.Context,
    environment: EnvironmentOption = None,
    product: ProductOption = None,
    output: OutputOption = Format.text,
) -> None:
    """Show what runs: revision, each workload's readiness, and whether its images are the pinned ones.

    Of all environments, or of one. Exit code 1 if something is not ready, or runs another image.
    """  # noqa: E501 - the line of the command list
    from airferry_installer import standing
    from airferry_installer.applying import status as looking
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    site = state.site()
    environments = [environment] if environment else list(site.environments)
    found: list[Status] = []
    for name in environments:
        with connected(state, name) as client:
            for one in [product] if product else site.products:
                found.append(looking.look(state, client, name, one))
                _say(out, found[-1])
    stands = [standing.known(state, name) for name in ([product] if product else site.products)]
    for line in [line for one in stands for line in one.lines()]:
        out.say(line)
    out.answer(
        {
            "good": all(f.good for f in found),
            "environments": [_json(f) for f in found],
            "channels": {one.product: one.content() for one in stands},
        }
    )
    if not all(f.good for f in found):
        raise typer.Exit(1)


def _say(out: Output, found: Status) -> None:
    from airferry_installer.applying.order import shown

    where = f"{found.product} on {found.environment}"
    if found.inventory is None:
        out.say(f"{where}: never applied")
        return
    running = found.running
    what = f"{running.version} (revision {running.revision})" if running else "nothing runs"
    out.say(f"{where}: {what}, last change {found.inventory.state}", style="bold")
    if not found.compared:
        out.say("  this state folder does not know the release: images were not compared")
    rows = [
        (
            shown(w.ref),
            "ready" if w.ready else "NOT READY",
            w.pods,
            ", ".join(w.strange) if w.strange else "as released",
            w.note,
        )
        for w in found.workloads
    ]
    out.table(["workload", "state", "pods", "images", ""], rows)


def _json(found: Status) -> dict[str, Any]:
    import msgspec

    inventory = found.inventory
    return {
        "environment": found.environment,
        "product": found.product,
        "good": found.good,
        "state": inventory.state if inventory else None,
        "revision": inventory.revision if inventory else 0,
        "running": msgspec.to_builtins(found.running),
        "compared": found.compared,
        "workloads": msgspec.to_builtins(found.workloads),
    }
