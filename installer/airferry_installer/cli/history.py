"""airferry-installer history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder

if TYPE_CHECKING:
    from airferry_installer.state.journal import Entry

_SHOWN = 160


@app.command("history")
def history(
    context: typer.Context,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the hash chain over all entries.")
    ] = False,
    last: Annotated[int, typer.Option(min=0, help="Only so many, the newest; 0 is all.")] = 0,
    output: OutputOption = Format.text,
) -> None:
    """Show the journal: what was decided here, and when.

    Each entry holds the digest of the one before it; --verify follows the chain and compares its
    last word on trust with what is stored (exit code 29 if something was changed).
    """
    import msgspec

    from airferry_installer.state import StateFolder

    out = Output(output)
    journal = StateFolder.open(state_folder(context)).journal
    count = journal.verify() if verify else None
    entries = journal.entries()
    shown = entries[-last:] if last else entries
    for entry in shown:
        out.say(f"{entry.number:5}  {entry.at}  {entry.event:16}  {_facts(entry)}")
    if count is not None:
        out.say(f"verified: {count} entries, each follows the one before it", style="green")
    out.say(f"head {journal.head()}")
    out.answer(
        {
            "entries": [msgspec.to_builtins(entry) for entry in shown],
            "head": journal.head(),
            "verified": count is not None,
        }
    )


def _facts(entry: Entry) -> str:
    text = "  ".join(f"{name}={value}" for name, value in entry.facts.items())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
