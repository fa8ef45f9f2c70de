"""airferry-bundler channel issue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import SpecOption, app
from airferry_foundation.console.commands import application
from airferry_foundation.console.output import Format, Output, OutputOption

channel = application("channel", "Say what is newest, which floor holds, and what is revoked.")
app.add_typer(channel, name="channel")


@channel.command("issue")
def issue(
    *,
    release: Annotated[
        list[Path] | None,
        typer.Option(
            help="A release.json that is out now; of several the newest counts "
            "[default: the one beside the spec, if no statement was made before]"
        ),
    ] = None,
    revoke: Annotated[
        list[str] | None,
        typer.Option(metavar="DIGEST|release.json", help="A release that may not run any more."),
    ] = None,
    floor: Annotated[
        int | None, typer.Option(min=0, help="The lowest counter that may still run.")
    ] = None,
    next_in: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days until the next one is promised.")
    ] = None,
    spec: SpecOption = Path("airferry.yaml"),
    output: OutputOption = Format.text,
) -> None:
    """Write channel.json, the statement about all releases, to be signed by a channel key.

    It follows the statement that lies there: its sequence rises by one, floor and revocations
    stay and grow. `build` carries it; a customer can also be given it alone, with its signatures:
    airferry-installer channel import channel.json.

        airferry-bundler channel issue --release release.json --next-in 90
        airferry-bundler sign channel.json --key keys/channel.key
    """
    from datetime import timedelta

    from airferry_bundler import vendor_channel
    from airferry_bundler.spec import folder_of

    out = Output(output)
    folder = folder_of(spec)
    wish = vendor_channel.Wish(
        newest=vendor_channel.newest_of_releases(
            vendor_channel.default_releases(folder) if release is None else release
        ),
        floor=floor,
        revoked=vendor_channel.release_digests(revoke or ()),
        expected_in=timedelta(days=next_in) if next_in else None,
    )
    made = vendor_channel.issue(folder, wish)
    said = made.statement
    out.say(f"{made.path}  {made.digest}", style="bold")
    out.say(f"  number    {said.sequence} of epoch {said.epoch} of {said.product}")
    out.say(f"  newest    {said.newest_version} (counter {said.newest_counter})")
    out.say(f"  floor     {said.security_floor}")
    out.say(f"  revoked   {len(said.revoked)}")
    out.say(f"  next by   {said.next_expected or 'not promised'}")
    for name in made.stale:
        out.say(f"note: {name} was over the statement before and is gone")
    out.say(f"next: airferry-bundler sign {made.path} --key CHANNEL.key")
    out.answer(
        {
            "channel": str(made.path),
            "digest": made.digest,
            "product": said.product,
            "epoch": said.epoch,
            "sequence": said.sequence,
            "newest_version": said.newest_version,
            "newest_counter": said.newest_counter,
            "security_floor": said.security_floor,
            "revoked": said.revoked,
            "issued_at": said.issued_at,
            "next_expected": said.next_expected,
            "removed": made.stale,
        }
    )
