"""Carries a bundle into the local registry: admitted first, then straight from its file.

Called again after an interruption it goes on where it was, since what is there is not sent. Nothing
is written but to the registry and the state folder. How blobs travel is `delivery`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airferry_foundation.progress import SILENT, Progress
from airferry_installer import delivery, local_registry, opening
from airferry_installer.state import StateFolder
from airferry_telemetry import catalogue


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did. Counts are of (blob, repository) pairs; `bytes_sent` of blobs alone."""

    registry: str
    release: str
    product: str
    version: str
    sent: int
    mounted: int
    present: int
    manifests: int
    tags: int
    bytes_sent: int
    images: Mapping[str, str]

    @property
    def nothing_sent(self) -> bool:
        """Whether all of it was there already."""
        return not (self.sent or self.mounted or self.manifests or self.tags)


def load_bundle(
    state: StateFolder,
    file: Path,
    *,
    environment: str | None = None,
    workers: int = delivery.WORKERS,
    progress: Progress = SILENT,
) -> LoadReport:
    """Admit a bundle and load it into the registry of the site, or of one environment.

    The state folder is held meanwhile. Errors: those of admission, reader and registry; the
    registry then holds whole blobs alone, and nothing that is new in it has a tag or manifest
    unless all that it needs is there.
    """
    site = state.site()
    target = site.registry_of(environment) if environment else site.registry
    with (
        state.exclusive(),
        opening.open_judged(state, file, environment=environment) as opened,
    ):
        client = local_registry.connect(target, state.site_folder)
        client.ping()
        places = local_registry.repositories(opened.release, target)
        counts = delivery.deliver(
            opened.reader, opened.release, client, places, workers=workers, progress=progress
        )
        state.keep("release", opened.reader.header.release)
        telemetry = opened.release.telemetry
        if telemetry is not None and telemetry.catalogue is not None:
            state.keep("catalogue", opened.reader.blob(telemetry.catalogue, catalogue.MAX_BYTES))
        report = LoadReport(
            registry=client.settings.origin,
            release=opened.verdict.digest,
            product=opened.release.product,
            version=opened.release.version,
            images={
                image.name: local_registry.local_image(target, image)
                for image in opened.release.images
            },
            **counts.numbers(),
        )
        state.journal.append(
            "loaded",
            release=report.release,
            product=report.product,
            version=report.version,
            registry=report.registry,
            sent=report.sent,
            mounted=report.mounted,
            present=report.present,
            bytes_sent=report.bytes_sent,
        )
    return report
