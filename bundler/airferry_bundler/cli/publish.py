"""airferry-bundler publish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airferry_bundler.cli.app import SpecOption, app
from airferry_foundation.console.output import Format, Output, OutputOption


@app.command("publish")
def publish(
    target: Annotated[
        str, typer.Argument(help="oci://HOST/REPOSITORY[:TAG]; the tag is the version by default.")
    ],
    bundle: Annotated[
        Path | None,
        typer.Argument(help="A bundle; without one, what is locked and signed beside the spec."),
    ] = None,
    *,
    spec: SpecOption = Path("airferry.yaml"),
    workers: Annotated[int, typer.Option(min=1, max=64, help="Uploads at once.")] = 4,
    output: OutputOption = Format.text,
) -> None:
    """Put a signed release into a registry, for sites that have a network.

    All of it goes into the one repository: the release as an artifact that `oras pull` opens, its
    images and charts under their own manifests beside it. What is there already is not sent; a tag
    that stands for another release is never moved. `airferry-installer fetch` takes it from there.

        airferry-bundler publish oci://registry.example/acme/shop
        airferry-bundler publish oci://registry.example/acme/shop:1.4.0 shop-1.4.0.tar.zst

    How the registry is reached stands under `registries:` in airferry.yaml, logins in Docker's
    configuration.
    """
    from contextlib import AbstractContextManager, nullcontext

    from airferry_bundler import origins, published_material, spec_file
    from airferry_bundler import publish as publishing
    from airferry_foundation.console.live import size
    from airferry_registry.references import parse_oci

    out = Output(output)
    to = parse_oci(target)
    if to.digest:
        raise typer.BadParameter("name a tag, or none; a digest follows from the content")
    opened: AbstractContextManager[publishing.Material]
    if bundle is None:
        read = spec_file.read(spec)
        client = origins.Origins(read).client(to.registry)
        opened = nullcontext(published_material.from_spec(read, to.registry))
    else:
        client = origins.client_beside(spec, to.registry)
        opened = published_material.from_bundle(bundle)
    client.ping()
    with opened as material:
        done = publishing.publish(
            material, client, to.repository, to.tag or "", workers=workers, progress=out.progress
        )
    out.say(f"{to.registry}/{to.repository}:{done.tag}", style="bold")
    out.say(f"release {material.release.product} {material.release.version}, {done.digest}")
    out.say(
        f"{done.sent} blobs sent ({size(done.bytes_sent)}), {done.mounted} mounted, "
        f"{done.present} were there; {done.manifests} manifests stored"
    )
    out.answer(
        {
            "reference": f"{to.registry}/{to.repository}:{done.tag}",
            "digest": done.digest,
            "product": material.release.product,
            "version": material.release.version,
            "sent": done.sent,
            "mounted": done.mounted,
            "present": done.present,
            "manifests": done.manifests,
            "bytes_sent": done.bytes_sent,
        }
    )
