"""airferry-installer entitlement import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.commands import application
from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder

entitlement = application("entitlement", "What the vendor lets you run.")
app.add_typer(entitlement, name="entitlement")


@entitlement.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="entitlement.json; signatures lie beside it.")],
    output: OutputOption = Format.text,
) -> None:
    """Remember an entitlement that does not lie beside the bundle.

    Only releases for `entitled` customers ask for one. Of several the one issued last counts.

        airferry-installer entitlement import entitlement.json
    """
    from airferry_installer import alone
    from airferry_installer.state import StateFolder

    out = Output(output)
    said = alone.import_entitlement(StateFolder.open(state_folder(context)), file)
    out.say(f"{said.customer} may run {', '.join(said.products)}", style="bold")
    out.say(f"until {said.until or 'it is replaced'}")
    out.answer({"customer": said.customer, "products": said.products, "until": said.until})
