"""Carries a bundle into the local registry: admitted first, then straight from its file.

Called again after an interruption it goes on where it was, since what is there is not sent. Nothing
is written but to the registry and the state folder. How blobs travel is `delivery`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from airferry_archive.release import Release
from airferry_archive.volume_set import HERE, Media
from airferry_foundation.progress import SILENT, Progress
from airferry_installer import (
    attached,
    delivery,
    incomplete,
    loaded,
    local_registry,
    opening,
    uploads,
)
from airferry_installer import deep as deeply
from airferry_installer.admission import Verdict
from airferry_installer.attached import Attached
from airferry_installer.carrier import Carrier
from airferry_installer.deep import Fetched
from airferry_installer.incomplete import Incomplete
from airferry_installer.release_content import ReleaseContent
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
    referrers: Attached
    """Signatures and the like that were made findable."""
    fetched: Fetched | None = None
    """What `deep` read back."""

    @property
    def nothing_sent(self) -> bool:
        """Whether all of it was there already."""
        done = self.sent or self.mounted or self.manifests or self.tags or self.referrers.new
        return not done


@dataclass(frozen=True, slots=True)
class Wish:
    """How to load. `environment`: into that one's own registry; `need_to`: where need.json goes.

    `deep`: afterwards fetch all of the release from the registry, and hash it. `media` is where the
    volumes of a set may be.
    """

    environment: str | None = None
    need_to: Path | None = None
    deep: bool = False
    workers: int = delivery.WORKERS
    media: Media = HERE


def load_bundle(
    state: StateFolder, file: Path, wish: Wish = Wish(), *, progress: Progress = SILENT
) -> LoadReport:
    """Admit a bundle and load it into the registry of the site, or of one environment.

    The state folder is held meanwhile. Errors: those of admission, reader and registry; the
    registry then holds whole blobs alone, and nothing that is new in it has a tag or manifest
    unless all that it needs is there. RegistryMissingError where a delta left out what the registry
    lacks: need.json lists it.
    """
    with (
        state.exclusive(),
        opening.open_judged(state, file, environment=wish.environment, media=wish.media) as opened,
    ):
        opened.reader.expect_volumes(progress)
        return load_carried(
            state, opened.reader, opened.release, opened.verdict, wish, progress=progress
        )


def load_carried(
    state: StateFolder,
    carrier: Carrier,
    release: Release,
    verdict: Verdict,
    wish: Wish,
    *,
    progress: Progress = SILENT,
) -> LoadReport:
    """Load an admitted release, whatever carries it; the state folder is held by the caller."""
    site = state.site()
    target = site.registry_of(wish.environment) if wish.environment else site.registry
    client = local_registry.connect(target, state.site_folder)
    client.ping()
    origin, digest = client.settings.origin, verdict.digest
    places = local_registry.repositories(release, target)
    with (
        uploads.remembered(state.folder, origin) as on_their_way,
        local_registry.naming_repositories(client, places),
    ):
        done = delivery.deliver(
            carrier,
            release,
            client,
            places,
            earlier=tuple(loaded.places_of_earlier(state, origin, target, but=digest)),
            uploads=on_their_way,
            workers=wish.workers,
            progress=progress,
        )
    if done.lacking:
        lack = Incomplete(release, digest, origin, done.lacking)
        raise lack.error(incomplete.record(state, lack, wish.need_to))
    content = ReleaseContent(carrier, release, lambda: client, places)
    about = attached.attach(client, release, places)
    _keep(state, content, release)
    images = {one.name: local_registry.local_image(target, one) for one in release.images}
    report = _report(origin, verdict, release, done.counts, images, about)
    _journal(state, report)
    if wish.deep:
        fetched = deeply.fetch_all(client, release, places, progress=progress)
        state.journal.append("fetched again", release=digest, registry=origin, **fetched.numbers())
        return replace(report, fetched=fetched)
    return report


def _report(
    origin: str,
    verdict: Verdict,
    release: Release,
    counts: delivery.Counts,
    images: Mapping[str, str],
    about: Attached,
) -> LoadReport:
    return LoadReport(
        registry=origin,
        release=verdict.digest,
        product=release.product,
        version=release.version,
        images=images,
        sent=counts.sent,
        mounted=counts.mounted,
        present=counts.present,
        manifests=counts.manifests,
        tags=counts.tags,
        bytes_sent=counts.bytes_sent,
        referrers=about,
    )


def _keep(state: StateFolder, content: ReleaseContent, release: Release) -> None:
    """Keep what is read between two sticks."""
    state.keep("release", content.reader.header.release)
    telemetry = release.telemetry
    if telemetry is not None and telemetry.catalogue is not None:
        state.keep("catalogue", content.blob(telemetry.catalogue, catalogue.MAX_BYTES))


def _journal(state: StateFolder, report: LoadReport) -> None:
    state.journal.append(
        loaded.EVENT,
        release=report.release,
        product=report.product,
        version=report.version,
        registry=report.registry,
        sent=report.sent,
        mounted=report.mounted,
        present=report.present,
        bytes_sent=report.bytes_sent,
    )
