"""airferry-installer approve PLAN."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app
from airferry_installer.cli.asking import KeyOption, YesOption, confirm, private_key


@app.command("approve")
def approve(
    plan: Annotated[Path, typer.Argument(help="The plan itself; nothing else is needed.")],
    *,
    key: KeyOption,
    to: Annotated[Path, typer.Option("-o", "--to", help="Where the approval goes.")],
    ticket: Annotated[str, typer.Option(help="The ticket of your change management.")] = "",
    justification: Annotated[str, typer.Option(help="One line for the record.")] = "",
    yes: YesOption = False,
    output: OutputOption = Format.text,
) -> None:
    """Show a plan, and sign that it may be applied.

    What is shown is made from plan.json here and now, and the signature is over its digest: a page
    that somebody carried along proves nothing. Runs on a machine that has only the plan and a key.

        airferry-installer approve plan.json --key ~/.ssh/id_ed25519 --ticket CHG-7 -o approval.json

    Anybody can check it: ssh-keygen -Y verify -n airferry-v1 -s approval.json.sig < approval.json
    """
    from airferry_foundation import clock, documents, files
    from airferry_foundation.errors import InputError
    from airferry_installer.approving import requests, timing
    from airferry_installer.planning import views
    from airferry_installer.trust import Time

    out = Output(output)
    read = requests.read_plan(plan)
    if to.exists():
        raise InputError(f"{to} exists already", "Name another file with -o.")
    for line in views.text(read):
        out.say(line)
    now = Time(clock.now())
    for line in timing.lines(read.calendar, now):
        out.say(f"by this machine's clock: {line}")
    digest = documents.digest_of(read)
    out.say(f"plan {digest}", style="bold")
    asked = requests.request_path(plan)
    if not asked.exists():
        out.say(f"note: nobody has asked for this plan yet ({asked.name} is not here)")
    confirm(f"Approve {read.product} {read.version} on {read.environment}?", yes=yes)
    private = private_key(key)
    signed = requests.sign(
        requests.agree(read, ticket=ticket, justification=justification), private
    )
    files.make_folder(to.parent)
    requests.write(to, signed)
    out.say(f"{private.public.key_id} approves; wrote {to} and {requests.signature_path(to).name}")
    out.say(f"next: airferry-installer apply {plan.name} --approval {to.name}")
    out.answer(
        {
            "approval": str(to),
            "signature": str(requests.signature_path(to)),
            "plan": digest,
            "key": private.public.key_id,
            "ticket": ticket,
            "time": timing.content(read.calendar, now),
        }
    )
