"""airferry-installer apply PLAN, apply --backout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.asking import (
    EnvironmentOption,
    ProductOption,
    YesOption,
    confirm,
    connected,
    environment_of,
    say_ahead,
)

if TYPE_CHECKING:
    from airferry_installer.approving.gate import Approved
    from airferry_installer.state import StateFolder


@app.command("apply")
def apply(
    context: typer.Context,
    plan: Annotated[Path | None, typer.Argument(help="The plan.")] = None,
    *,
    approval: Annotated[
        list[Path] | None,
        typer.Option(help="An approval; its .sig lies beside it. Give it once for each person."),
    ] = None,
    request: Annotated[
        Path | None, typer.Option(help="The request [default: PLAN.request.json]")
    ] = None,
    backout: Annotated[
        bool, typer.Option("--backout", help="Undo the last change of an environment instead.")
    ] = False,
    environment: EnvironmentOption = None,
    product: ProductOption = None,
    yes: YesOption = False,
    output: OutputOption = Format.text,
) -> None:
    """Apply an approved plan; or back out of the last change, under the same approval.

    Without the approvals that the policy demands, or outside its windows, nothing is touched. An
    apply that was interrupted, even by kill -9, goes on when the same command is given again; so
    does a back-out, which is granted at any time unless the policy ends that (backout_grace).

        airferry-installer apply plan.json --approval anna.json --approval ben.json
        airferry-installer apply --backout -e staging
    """
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    if backout:
        if plan is not None:
            raise typer.BadParameter("a back-out takes no plan; name -e ENV", param_hint="PLAN")
        _back_out(out, state, environment_of(state, environment), product, yes=yes)
        return
    if plan is None:
        raise typer.BadParameter("name a plan, or say --backout -e ENV", param_hint="PLAN")
    _apply(out, state, plan, request, approval or [])


def _apply(
    out: Output, state: StateFolder, path: Path, request: Path | None, approvals: list[Path]
) -> None:
    import msgspec

    from airferry_installer.applying import apply as applying
    from airferry_installer.applying.order import shown
    from airferry_installer.approving import requests

    plan = requests.read_plan(path)
    asked = request or requests.request_path(path)
    signed_request = requests.read_signed(asked) if request or asked.exists() else None
    signed = [requests.read_signed(approval) for approval in approvals]
    applying.check_approved(state, plan, signed_request, signed)
    with connected(state, plan.environment) as client:
        say_ahead(out, state, client, plan.environment, plan.product)
        done = applying.apply(
            state,
            client,
            plan,
            request=signed_request,
            approvals=signed,
            progress=out.progress,
        )
    _say_approved(out, done.approved)
    what = f"{plan.product} {plan.version} on {plan.environment}"
    if done.turn == "done":
        out.say(f"{what}: this plan is applied already; nothing was done")
    else:
        went = "went on and is" if done.turn == "resume" else "is"
        out.say(f"{what} {went} applied: revision {done.running.revision}", style="bold green")
    for ref in done.pruned:
        out.say(f"  deleted {shown(ref)}")
    out.answer({"outcome": "applied", **msgspec.to_builtins(done)})


def _say_approved(out: Output, approved: Approved | None) -> None:
    if approved is None:
        return
    if approved.without_policy:
        out.say("NOTE: this site has no policy (policy: none): nobody had to approve", style="bold")
        return
    until = f", in a window until {approved.closes}" if approved.closes else ""
    out.say(f"approved by {', '.join(approved.people)}{until}")
    for reason in approved.ignored:
        out.say(f"  not counted: {reason}")


def _back_out(
    out: Output, state: StateFolder, environment: str, product: str | None, *, yes: bool
) -> None:
    import msgspec

    from airferry_installer.applying import backout, finding
    from airferry_installer.applying.order import shown

    name = finding.product_of(state.site(), product)
    with connected(state, environment) as client:
        held = finding.need(state, client, environment, name)
        undone, returned = backout.returns_to(held.inventory)
        back = f"to {returned.version}" if returned else "to nothing: it was the first install"
        confirm(
            f"Back out of {name} {undone.version} on {environment}, {back}?", yes=yes, state=state
        )
        done = backout.back_out(state, client, environment, name, progress=out.progress)
    if done.returned is None:
        out.say(f"{name} {undone.version} is removed from {environment}", style="bold")
    else:
        out.say(
            f"{name} on {environment} is back at {done.returned.version} "
            f"(revision {done.returned.revision})",
            style="bold green",
        )
    for ref in done.removed:
        out.say(f"  deleted {shown(ref)}")
    for ref in done.kept:
        out.say(f"  kept    {shown(ref)}")
    out.answer({"outcome": "backed-out", **msgspec.to_builtins(done)})
