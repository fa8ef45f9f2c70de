"""airferry-installer channel import, show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.commands import application
from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder

channel = application("channel", "What the vendor says about all of its releases.")
app.add_typer(channel, name="channel")


@channel.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="channel.json; its signatures lie beside it.")],
    roots: Annotated[
        Path | None, typer.Option(help="A folder with the vendor's roots, if they came along.")
    ] = None,
    output: OutputOption = Format.text,
) -> None:
    """Take over a channel statement that came without a bundle.

    It is judged as in a bundle: signed by the channel keys of the newest root, not older than what
    is known. Releases that it revokes, or that are below its floor, are refused from now on.

        airferry-installer channel import /media/stick/channel.json
    """
    from airferry_installer import alone
    from airferry_installer.state import StateFolder

    out = Output(output)
    taken = alone.import_channel(StateFolder.open(state_folder(context)), file, roots)
    out.say("taken over" if taken.new else "nothing new: this or a newer one is known here")
    for line in taken.standing.lines():
        out.say(line)
    out.answer({"new": taken.new, "channel": taken.standing.content()})


@channel.command("show")
def show(context: typer.Context, output: OutputOption = Format.text) -> None:
    """Show what is newest, which floor holds, what is revoked, and how old that word is.

    Exit code 1 where a product has no statement, or its next one is overdue.
    """
    from airferry_installer import standing
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    now = state.now()
    found = [standing.of(line, now) for line in state.trust().lines]
    for one in found:
        for line in one.lines():
            out.say(line)
        for release in one.revoked:
            out.say(f"  revoked {release}")
    out.answer({"channels": {one.product: one.content() for one in found}})
    if any(one.overdue for one in found):
        raise typer.Exit(1)
