"""airferry-installer backup, restore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.asking import YesOption, confirm, journal_answer

_FORGOTTEN = (
    "a restored state is an old one: what was learned since the backup is forgotten here",
    "  roots, floors, revocations: import the newest channel statement or bundle before you plan",
    "  revisions, consumed approvals: the cluster knows them; plan and apply say where it is ahead",
    "  telemetry: each environment's stream begins anew; the vendor sees that",
)


@app.command("backup")
def backup(
    context: typer.Context,
    to: Annotated[Path, typer.Option("-o", "--to", help="Where the backup goes.")],
    recipient: Annotated[
        list[str] | None,
        typer.Option(help="Seal it to an age recipient (age1…); repeatable. Stock age opens it."),
    ] = None,
    output: OutputOption = Format.text,
) -> None:
    """Write a consistent copy of the state folder into one file.

    It holds the keys of this installation. It is readable by you alone (0600); seal it with
    --recipient before it leaves this machine. Other commands may run meanwhile: the copy has all of
    what they did, or nothing of it.

        airferry-installer backup -o /media/usb/airferry.backup --recipient age1…
    """
    from airferry_installer import backup as backups
    from airferry_installer.state import StateFolder

    out = Output(output)
    made = backups.make(StateFolder.open(state_folder(context)), to, recipient or ())
    sealed = f"sealed to {len(recipient)}" if recipient else "not sealed: it holds private keys"
    out.say(f"wrote {to} ({len(made.files)} files, {sealed})", style="bold")
    out.say(f"  journal of {made.entries} entries, head {made.head}")
    out.answer({"backup": str(to), "files": len(made.files), "head": made.head})


@app.command("restore")
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A backup.")],
    identity: Annotated[
        Path | None, typer.Option(help="The age identity that opens a sealed backup.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Though there is a state; it is kept beside it.")
    ] = False,
    yes: YesOption = False,
    output: OutputOption = Format.text,
) -> None:
    """Put a backup in place as the state folder.

    Every file is compared with the backup's list and the journal's chain is followed before
    anything is in place. The restore is journalled, and with it that the answer was yes.

        airferry-installer restore /media/usb/airferry.backup --identity backup.key
    """
    from airferry_installer import backup as backups

    out = Output(output)
    folder = state_folder(context)
    for line in _FORGOTTEN:
        out.say(line)
    question = f"Restore {folder} from {file}?"
    confirm(question, yes=yes)
    done = backups.restore(folder, file, identity=identity, replace=replace)
    journal_answer(done.state, question, yes=yes)
    out.say(f"restored {folder}: the state of {done.backup.made_at}", style="bold")
    if done.aside is not None:
        out.say(f"  the state that was there before lies in {done.aside}")
    out.answer(
        {
            "state": str(folder),
            "made_at": done.backup.made_at,
            "head": done.backup.head,
            "aside": str(done.aside) if done.aside else None,
        }
    )
