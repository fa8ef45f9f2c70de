"""airferry-installer request PLAN."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app
from airferry_installer.cli.asking import KeyOption, private_key


@app.command("request")
def request(
    plan: Annotated[Path, typer.Argument(help="A plan, as `plan` writes it.")],
    key: KeyOption,
    justification: Annotated[str, typer.Option(help="One line: why this change.")] = "",
    output: OutputOption = Format.text,
) -> None:
    """Ask for a plan to be applied: signs a request that lies beside the plan.

    Who asks may not approve, unless the policy lets them. Carry plan.json with the request's two
    files to those who approve. Needs no state folder.

        airferry-installer request plan.json --key ~/.ssh/id_ed25519
    """
    from airferry_installer.approving import requests

    out = Output(output)
    private = private_key(key)
    document = requests.ask(requests.read_plan(plan), justification=justification)
    path = requests.request_path(plan)
    requests.write(path, requests.sign(document, private))
    out.say(
        f"{private.public.key_id} asks for {document.product} {document.version} "
        f"on {document.environment}"
    )
    out.say(f"wrote {path} and {requests.signature_path(path).name}")
    out.say("next: airferry-installer approve plan.json --key KEY -o approval.json")
    out.answer(
        {
            "request": str(path),
            "signature": str(requests.signature_path(path)),
            "plan": document.plan,
            "key": private.public.key_id,
        }
    )
