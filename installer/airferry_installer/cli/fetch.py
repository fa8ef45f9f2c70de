"""airferry-installer fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder


@app.command("fetch")
def fetch(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(help="oci://HOST/REPOSITORY[:TAG|@DIGEST]; no tag: the newest version."),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write the bundle here: a file or a folder.")
    ] = None,
    into_registry: Annotated[
        bool, typer.Option("--into-registry", help="Load it into the local registry, without file.")
    ] = False,
    environment: Annotated[
        str | None,
        typer.Option("-e", "--environment", help="Load into this environment's own registry."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Downloads at once.")] = 4,
    output: OutputOption = Format.text,
) -> None:
    """Bring a release that the vendor published in a registry.

    It is admitted like a bundle on a stick before anything of it is used. Only what is missing is
    transferred, so the same command goes on after an interruption. The file is the vendor's own
    bundle, byte for byte, and can be carried on over a second gap.

        airferry-installer fetch oci://registry.example/acme/shop:1.4.0 -o /media/stick
        airferry-installer fetch oci://registry.example/acme/shop --into-registry

    How that registry is reached stands under `registries:` in site.yaml, logins in Docker's
    configuration.
    """
    import msgspec

    from airferry_foundation.console.live import size
    from airferry_installer import fetch as fetching
    from airferry_installer import standing
    from airferry_installer.load import Wish
    from airferry_installer.state import StateFolder
    from airferry_registry.references import parse_oci

    if (out is None) is not into_registry:
        raise typer.BadParameter("give either -o FILE or --into-registry")
    answers = Output(output)
    place = parse_oci(source)
    state = StateFolder.open(state_folder(context))
    if out is not None:
        got = fetching.fetch_file(state, place, out, workers=workers, progress=answers.progress)
        answers.say(f"{got.path}  {size(got.size)}", style="bold")
        answers.say(f"{got.product} {got.version}, {size(got.bytes_fetched)} fetched just now")
        stands = standing.known(state, got.product)
        for line in stands.lines():
            answers.say(line)
        told = {**msgspec.to_builtins(got, enc_hook=str), "channel": stands.content()}
        answers.answer(told)
        return
    wish = Wish(environment=environment, workers=workers)
    report = fetching.fetch_into_registry(state, place, wish, progress=answers.progress)
    answers.say(f"{report.product} {report.version} is in {report.registry}", style="bold")
    answers.say(
        f"{report.sent} blobs sent ({size(report.bytes_sent)}), {report.mounted} mounted, "
        f"{report.present} were there; {report.manifests} manifests stored"
    )
    for line in report.referrers.lines():
        answers.say(line, style="yellow")
    stands = standing.known(state, report.product)
    for line in stands.lines():
        answers.say(line)
    told = {**msgspec.to_builtins(report), "nothing_sent": report.nothing_sent}
    answers.answer({**told, "channel": stands.content()})
