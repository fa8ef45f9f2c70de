"""airferry-installer clock show, accept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.commands import application
from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.asking import YesOption, confirm, say_waiting

clock = application("clock", "What time it is here, as far as that is known.")
app.add_typer(clock, name="clock")


@clock.command("show")
def show(context: typer.Context, output: OutputOption = Format.text) -> None:
    """Show the system clock, what was learned about the time, and which windows are open.

    Exit code 1 where the clock is behind what was learned: then no window is granted.
    """
    from airferry_foundation import clock as clocks
    from airferry_installer.approving import timing
    from airferry_installer.approving.acceptance import in_force
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    time, force = state.now(), in_force(state)
    out.say(f"system clock  {clocks.write(time.system)}")
    out.say(f"trusted       {clocks.write(time.now)}")
    if time.claimed is not None:
        out.say(f"only claimed  {clocks.write(time.claimed)}")
    if time.doubt:
        out.say(f"{time.doubt}: no window is granted", style="bold yellow")
        out.say(timing.CLOCK_HINT)
    calendars = {name: force.calendar(name) for name in state.site().environments}
    for name, calendar in calendars.items():
        for line in timing.lines(calendar, time) if calendar else ["at any time"]:
            out.say(f"{name}: {line}")
    out.answer(
        {
            "system": clocks.write(time.system),
            "trusted": clocks.write(time.now),
            "claimed": clocks.write(time.claimed) if time.claimed else None,
            "doubt": time.doubt,
            "environments": {
                name: timing.content(calendar, time) for name, calendar in calendars.items()
            },
        }
    )
    if time.doubt:
        raise typer.Exit(1)


@clock.command("accept")
def accept(
    context: typer.Context,
    *,
    decision: Annotated[
        Path, typer.Option(help="Under a policy: the decision that people sign.")
    ] = Path("clock.json"),
    reason: Annotated[str, typer.Option(help="Why, for the decision.")] = "",
    yes: YesOption = False,
    output: OutputOption = Format.text,
) -> None:
    """Say that the system clock is right, although something later was learned.

    First set the clock. Under a policy the first call writes a decision, as many people as a change
    of the policy takes sign it, and the second call carries it out, at most 7 days later:

        airferry-installer clock accept --reason "the battery was empty"
        airferry-installer policy sign clock.json --key ~/.ssh/id_ed25519

    It is good once. The times that it dismisses do not count again. It is journalled.
    """
    from airferry_foundation import clock as clocks
    from airferry_installer import clock_acceptance
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    done = clock_acceptance.accept(
        state,
        decision=decision,
        reason=reason,
        confirm=lambda question: confirm(question, yes=yes, state=state),
    )
    about = {"system": clocks.write(done.was.system), "learned": clocks.write(done.was.latest)}
    if done.waiting is not None:
        out.answer({"accepted": False, **about, **say_waiting(out, done.waiting)})
        raise typer.Exit(1)
    out.say(f"the system clock is accepted: {about['system']}", style="bold")
    out.say(f"{about['learned']}, which was learned, does not count")
    out.answer({"accepted": True, **about, "people": done.people})
