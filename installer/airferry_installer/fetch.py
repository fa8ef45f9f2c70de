"""Brings a published release here: as the bundle that it is, or straight into the local registry.

Admitted like any bundle, before a blob is asked for. A file goes on where an interrupted fetch was,
and has the bytes of the vendor's own bundle; into a registry only what that lacks is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airferry_archive.filling import WORKERS, fill
from airferry_archive.writer import BundleWriter
from airferry_foundation.errors import InputError
from airferry_foundation.progress import SILENT, Progress
from airferry_installer import load, local_registry, opening
from airferry_installer.load import LoadReport, Wish
from airferry_installer.remote_bundle import RemoteBundle, open_remote
from airferry_installer.state import StateFolder
from airferry_registry.references import Reference


@dataclass(frozen=True, slots=True)
class Fetched:
    """A bundle that was fetched: where it is, its bytes, and how many of them came just now."""

    path: Path
    source: str
    product: str
    version: str
    release: str
    size: int
    bytes_fetched: int


def fetch_file(
    state: StateFolder,
    place: Reference,
    out: Path,
    *,
    workers: int = WORKERS,
    progress: Progress = SILENT,
) -> Fetched:
    """Write the bundle of a published release to `out`, a file or a folder.

    Raises why it is refused, and the errors of registry and disk; the same call then goes on.
    """
    bundle = open_published(state, place, beside=out)
    path = bundle_path(out, bundle)
    with BundleWriter.open(path, bundle.header, progress=progress) as writer:
        total = sum(member.blob.size for member in writer.layout.members.values())
        missing = sum(blob.size for blob in writer.missing())
        fill(
            writer,
            bundle.deliver,
            progress=progress,
            settled=total - missing,
            workers=workers,
            title="Fetching",
        )
        writer.finish()
    state.journal.append(
        "fetched",
        source=str(bundle.path),
        file=path.name,
        release=bundle.verdict.digest,
        bytes_fetched=missing,
    )
    return Fetched(
        path=path,
        source=str(bundle.path),
        product=bundle.release.product,
        version=bundle.release.version,
        release=bundle.verdict.digest,
        size=path.stat().st_size,
        bytes_fetched=missing,
    )


def fetch_into_registry(
    state: StateFolder, place: Reference, wish: Wish, *, progress: Progress = SILENT
) -> LoadReport:
    """Load a published release into the local registry, without a file in between."""
    with state.exclusive():
        bundle = open_published(state, place, environment=wish.environment)
        return load.load_carried(
            state, bundle, bundle.release, bundle.verdict, wish, progress=progress
        )


def bundle_path(out: Path, bundle: RemoteBundle) -> Path:
    """`out`, or in that folder `<product>-<version>.tar.zst`. InputError for a file that exists."""
    release = bundle.release
    path = out / f"{release.product}-{release.version}.tar.zst" if out.is_dir() else out
    if not path.name.endswith(".tar.zst"):
        raise InputError(
            f"{path} does not end in .tar.zst", "Name a file OUT.tar.zst, or a folder that exists."
        )
    if path.exists():
        raise InputError(
            f"{path} exists already",
            f"`airferry-installer verify {path}` tells whether it is whole; or name another file.",
        )
    return path


def open_published(
    state: StateFolder,
    place: Reference,
    *,
    environment: str | None = None,
    beside: Path = Path("here"),
) -> RemoteBundle:
    """Reach a published release, and admit it; raises why it is refused."""
    client = local_registry.connect_vendor(state.site(), state.site_folder, place.registry)
    client.ping()
    entitlements = opening.entitlements_beside(beside)
    where = opening.context(state, environment, entitlements=entitlements)
    return open_remote(state, client, place, where)
