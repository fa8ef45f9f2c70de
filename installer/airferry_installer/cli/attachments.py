"""airferry-installer attachments list, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_foundation.console.commands import application
from airferry_foundation.console.output import Format, Output, OutputOption
from airferry_installer.cli.app import app, state_folder
from airferry_installer.cli.media import VolumesOption, media

attachments = application("attachments", "SBOMs, provenance and documents of a bundle.")
app.add_typer(attachments, name="attachments")

FileArgument = Annotated[Path, typer.Argument(help="A bundle.")]
KindOption = Annotated[
    list[str] | None, typer.Option("--kind", help="Only this kind, such as sbom; repeat it.")
]


@attachments.command("list")
def list_(
    context: typer.Context,
    file: FileArgument,
    *,
    kind: KindOption = None,
    volumes: VolumesOption = None,
    output: OutputOption = Format.text,
) -> None:
    """List what travels beside the content: SBOMs, provenance, documents, upstream signatures.

    Reads the header alone, and only of a bundle that would be admitted here; saves nothing.

        airferry-installer attachments list /media/stick/shop-1.4.0.tar.zst --kind sbom
    """
    import msgspec

    from airferry_foundation.console.live import size
    from airferry_installer import attachments as found
    from airferry_installer import opening
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    with opening.open_admitted(state, file, save=False, media=media(volumes, file, out)) as (
        reader,
        release,
    ):
        listed = found.entries(release, reader.carriage().blobs)
    if kind:
        listed = tuple(one for one in listed if one.kind in kind)
    out.table(
        ("path", "kind", "about", "size"),
        [
            (one.path, one.kind, one.about, size(one.size) if one.carried else "not carried")
            for one in listed
        ],
    )
    out.say(f"{release.product} {release.version}: {len(listed)} attachments")
    out.answer({"attachments": msgspec.to_builtins(listed)})


@attachments.command("export")
def export(
    context: typer.Context,
    file: FileArgument,
    *,
    to_folder: Annotated[Path, typer.Option("-o", "--out", help="The folder; made if missing.")],
    kind: KindOption = None,
    path: Annotated[
        list[str] | None, typer.Option("--path", help="Only paths like this, such as sbom/*.")
    ] = None,
    volumes: VolumesOption = None,
    output: OutputOption = Format.text,
) -> None:
    """Write attachments into a folder, each verified, before anything is loaded.

    So a security officer reads an SBOM, or feeds it to a scanner, while the bundle is still
    on its stick. Saves nothing in the state folder, and replaces no file.

        airferry-installer attachments export shop-1.4.0.tar.zst --kind sbom -o evidence
    """
    from airferry_installer import attachments as found
    from airferry_installer import opening
    from airferry_installer.state import StateFolder

    out = Output(output)
    state = StateFolder.open(state_folder(context))
    with opening.open_admitted(state, file, save=False, media=media(volumes, file, out)) as (
        reader,
        release,
    ):
        listed = found.entries(release, reader.carriage().blobs)
        wanted = found.chosen(listed, kinds=kind or (), paths=path or ())
        written = found.export(reader, wanted, to_folder)
    for one in written:
        out.say(str(one))
    out.say(f"{len(written)} files in {to_folder}", style="bold")
    out.answer({"written": [str(one) for one in written]})
