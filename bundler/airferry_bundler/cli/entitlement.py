"""airferry-bundler entitlement issue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import app
from airferry_foundation.console.commands import application
from airferry_foundation.console.output import Format, Output, OutputOption

entitlement = application("entitlement", "Say which customer may run which products.")
app.add_typer(entitlement, name="entitlement")


@entitlement.command("issue")
def issue(
    *,
    customer: Annotated[str, typer.Option(help="The customer, as in their site.yaml.")],
    product: Annotated[list[str], typer.Option(help="A product they may run; repeat it.")],
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="The last day, such as 2027-06-30.")
    ] = None,
    to_file: Annotated[
        Path, typer.Option("-o", "--out", help="The file, or a folder for entitlement.json.")
    ] = Path("entitlement.json"),
    output: OutputOption = Format.text,
) -> None:
    """Write an entitlement, to be signed by a channel key and put beside bundles.

    Releases with `audience: {customers: entitled}` are admitted only with one. It lies beside the
    bundle as entitlement.json, with its signatures; customers see no name but their own. Of
    several the one that was issued last counts.

        airferry-bundler entitlement issue --customer acme --product shop --until 2027-06-30
        airferry-bundler sign entitlement.json --key keys/channel.key
    """
    from airferry_bundler import vendor_entitlements

    out = Output(output)
    made = vendor_entitlements.issue(to_file, customer, product, until)
    said = made.entitlement
    out.say(f"{made.path}  {made.digest}", style="bold")
    out.say(f"  {said.customer} may run {', '.join(said.products)}")
    out.say(f"  until {said.until or 'it is replaced'}")
    out.say(f"next: airferry-bundler sign {made.path} --key CHANNEL.key")
    out.answer(
        {
            "entitlement": str(made.path),
            "digest": made.digest,
            "customer": said.customer,
            "products": said.products,
            "until": said.until,
        }
    )
