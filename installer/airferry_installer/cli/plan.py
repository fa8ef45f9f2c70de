"""airferry-installer plan FILE|oci://… -e ENV -o plan.json."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.asking import say_ahead
from airferry_installer.cli.media import VolumesOption, media

if TYPE_CHECKING:
    from airferry_archive.release import Release
    from airferry_installer.carrier import Carrier


@app.command("plan")
def plan(
    context: typer.Context,
    file: Annotated[
        str,
        typer.Argument(
            help="A bundle that was loaded; or oci://HOST/REPOSITORY[:TAG] after `fetch "
            "--into-registry`."
        ),
    ],
    environment: Annotated[
        str, typer.Option("-e", "--environment", help="An environment of site.yaml.")
    ],
    to_file: Annotated[Path, typer.Option("-o", help="Where to write the plan.")] = Path(
        "plan.json"
    ),
    volumes: VolumesOption = None,
    output: OutputOption = Format.text,
) -> None:
    """Show exactly what an apply would do, and write it down.

    Renders the release for the environment and tries every object on the cluster's API server,
    without changing anything. Writes plan.json, which people approve by its digest, and plan.html
    beside it, one page to read or print. Two plans of an unchanged world are the same file.

        airferry-installer plan shop-1.4.0.tar.zst -e staging -o plan.json
        airferry-installer plan oci://registry.example/acme/shop:1.4.0 -e staging -o plan.json
    """
    from contextlib import AbstractContextManager, nullcontext

    from airferry_foundation import clock, documents, files
    from airferry_foundation.digests import digest
    from airferry_installer import delta, standing
    from airferry_installer.approving import timing
    from airferry_installer.cluster.client import connect
    from airferry_installer.fetch import open_published
    from airferry_installer.opening import open_admitted
    from airferry_installer.planning import planner, views
    from airferry_installer.state import StateFolder
    from airferry_registry.references import parse_oci

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    kubernetes = state.site().environment(environment).kubernetes
    opened: AbstractContextManager[tuple[Carrier, Release]]
    if file.startswith("oci://"):
        published = open_published(state, parse_oci(file), environment=environment)
        opened = nullcontext((published, published.release))
    else:
        where = media(volumes, Path(file), out)
        opened = open_admitted(state, Path(file), environment=environment, media=where)
    with (
        opened as (carrier, release),
        connect(kubernetes, state.site_folder) as client,
    ):
        say_ahead(out, state, client, environment, release.product)
        made = planner.make_plan(
            state,
            client,
            release,
            release_digest=digest(carrier.header.release),
            blob=delta.completed(state, carrier, release, environment).blob,
            environment=environment,
            progress=out.progress,
        )
    files.make_folder(to_file.parent)
    files.write_atomic(to_file, documents.encode(made))
    page = to_file.with_suffix(".html")
    stands = standing.known(state, made.product)
    shown = views.html(made, made_at=clock.timestamp(), channel=stands.lines())
    files.write_atomic(page, shown.encode())
    for line in views.text(made):
        out.say(line)
    out.say(f"plan {documents.digest_of(made)}", style="bold")
    out.say(f"wrote {to_file} and {page}")
    for line in (*stands.lines(), *timing.lines(made.calendar, stands.time)):
        out.say(line)
    answer = {"plan": str(to_file), "page": str(page), **views.answer(made)}
    now = timing.content(made.calendar, stands.time)
    out.answer({**answer, "channel": stands.content(), "time": now})
