"""airferry-bundler release."""

from __future__ import annotations

from pathlib import Path

from airferry_bundler.cli.app import SpecOption, app
from airferry_foundation.console.output import Format, Output, OutputOption


@app.command("release")
def release(spec: SpecOption = Path("airferry.yaml"), output: OutputOption = Format.text) -> None:
    """Write release.json, the small file that is signed, from airferry.lock.

    Each holder of a release key then reads `airferry-bundler diff` against the release before and
    signs it: airferry-bundler sign release.json --key KEY
    """
    from airferry_bundler import release as releases
    from airferry_bundler import spec_file

    out = Output(output)
    made = releases.make(spec_file.read(spec))
    out.say(f"{made.path}  {made.digest}")
    for name in made.stale:
        out.say(f"note: {name} was over another release.json and is gone")
    out.answer({"release": str(made.path), "digest": made.digest, "removed": made.stale})
