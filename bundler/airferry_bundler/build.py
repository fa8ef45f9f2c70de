"""Signed release and blobs to the bundle. Needs no key; reads nothing from a network but blobs.

Nothing is downloaded before everything signed has been judged. Called again after any
interruption, it goes on from the blobs that are in OUT.partial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from airferry_archive import generated
from airferry_archive.filling import WORKERS, fill
from airferry_archive.layout import Header
from airferry_archive.release import MAX_BYTES, Blob, Release
from airferry_archive.selection import carriage_of
from airferry_archive.writer import BundleWriter
from airferry_bundler import content as contents
from airferry_bundler import disk as disks
from airferry_bundler import lock as locks
from airferry_bundler import release as releases
from airferry_bundler import signed_release, signing_keys
from airferry_bundler.bases import EVERYTHING, Selection
from airferry_bundler.charts import carried_charts
from airferry_bundler.content import LocalContent
from airferry_bundler.disk import NOTHING, Disk
from airferry_bundler.evidence import kept
from airferry_bundler.evidence.blob_cache import BlobCache
from airferry_bundler.lock import Lock
from airferry_bundler.origins import Origins
from airferry_bundler.own_files import packed_blobs
from airferry_bundler.signed_release import SignedRelease
from airferry_bundler.spec import SpecFile
from airferry_bundler.supply import Supply
from airferry_foundation import documents, files
from airferry_foundation.digests import digest
from airferry_foundation.errors import InputError, MissingInputError
from airferry_foundation.progress import SILENT, Progress
from airferry_signing import cosign as cosigns


@dataclass(frozen=True, slots=True)
class Built:
    """A bundle: where it is, its bytes, what is in it, and who signed."""

    path: Path
    size: int
    release: Release
    digest: str
    signers: tuple[str, ...]
    carried: tuple[Blob, ...]
    is_delta: bool = False

    @property
    def blob_bytes(self) -> int:
        """The bytes of the blobs that it carries."""
        return sum(blob.size for blob in self.carried)


def build(
    spec_file: SpecFile,
    out: Path,
    *,
    selection: Selection = EVERYTHING,
    sources: Sequence[Path] = (),
    progress: Progress = SILENT,
    workers: int = WORKERS,
) -> Built:
    """Write the bundle of a locked, released and signed spec to `out` (a file or a folder).

    `selection` says which of its blobs it carries. `sources` are bundles, layouts, archives and
    folders that are asked for blobs before any registry (see `disk`). Raises LockOutdatedError,
    ThresholdError and the like before anything is written.
    """
    with ExitStack() as stack:
        ready = prepare(
            spec_file,
            selection,
            lambda blobs: stack.enter_context(disks.opened(sources, blobs)),
        )
        release, carried = ready.release, ready.carried
        path = bundle_path(out, release, delta=carried is not None)
        writer = stack.enter_context(BundleWriter.open(path, ready.header, progress=progress))
        blobs = tuple(member.blob for member in writer.layout.members.values())
        settled = sum(blob.size for blob in blobs) - sum(blob.size for blob in writer.missing())
        fill(writer, ready.supply.deliver, progress=progress, settled=settled, workers=workers)
        writer.finish()
    return Built(
        path=path,
        size=path.stat().st_size,
        release=release,
        digest=digest(ready.header.release),
        signers=tuple(sorted(ready.signers)),
        carried=blobs,
        is_delta=carried is not None,
    )


@dataclass(frozen=True, slots=True)
class Ready:
    """A signed release that customers would take, and all that can bring its blobs."""

    release: Release
    header: Header
    supply: Supply
    carried: frozenset[str] | None
    signers: frozenset[str]


def prepare(
    spec_file: SpecFile,
    selection: Selection = EVERYTHING,
    open_disk: Callable[[Iterable[Blob]], Disk] = lambda _blobs: NOTHING,
) -> Ready:
    """Judge everything signed beside a spec; no blob is asked for but charts.

    `open_disk` opens what lies on this machine, told the blobs that may be asked for. Raises
    LockOutdatedError, ThresholdError and the like.
    """
    lock, content = _fresh_lock(spec_file)
    data = _release_file(spec_file.folder, lock)
    signed = signed_release.judge(spec_file.folder, lock.release, data, cosigns.available())
    carried = selection.of(lock.release, digest(data))
    disk, origins = open_disk(lock.release.blobs), Origins(spec_file)
    supply = Supply(
        _packed(spec_file, lock, content, origins, disk),
        origins,
        lock.origins,
        disk,
        cache=BlobCache.of_user() if spec_file.spec.evidence.sbom else None,
    )
    header = _header(lock.release, signed, carried)
    return Ready(lock.release, header, supply, carried, signed.signers)


def release_and_sign(spec_file: SpecFile, keys: Path, passphrase: Callable[[], str]) -> None:
    """What `build --keys` does first: write release.json, and sign it with keys of a folder.

    Raises ProgramMissingError where there is no cosign, MissingInputError where no key fits.
    """
    program = cosigns.find()
    chain, _ = signed_release.own_roots(spec_file.folder, program)
    made = releases.make(spec_file)
    signing_keys.sign_release(made.path, keys, chain.newest, passphrase, program)


def bundle_path(out: Path, release: Release, *, delta: bool = False) -> Path:
    """Where the bundle goes: `out`, or in that folder `<product>-<version>[-delta].tar.zst`."""
    if out.is_dir():
        return out / f"{release.product}-{release.version}{'-delta' if delta else ''}.tar.zst"
    if not out.name.endswith(".tar.zst"):
        raise InputError(
            f"{out} does not end in .tar.zst", "Name a file OUT.tar.zst, or a folder that exists."
        )
    return out


def _fresh_lock(spec_file: SpecFile) -> tuple[Lock, LocalContent]:
    lock = locks.read(spec_file.folder)
    content = contents.gather(spec_file)
    locks.expect_fit(lock, spec_file, content.sources)
    return lock, replace(content, evidence=kept.read(spec_file.folder, lock.release))


def _release_file(folder: Path, lock: Lock) -> bytes:
    """The bytes of release.json, if they are what the lock calls for."""
    path = folder / releases.FILE_NAME
    if not path.exists():
        raise MissingInputError(f"{path} does not exist", "Run `airferry-bundler release` first.")
    data = files.read_capped(path, MAX_BYTES)
    if data != releases.release_bytes(lock):
        raise InputError(
            f"{path} is not the release of {locks.FILE_NAME}: one of them was made later",
            "Run `airferry-bundler release`, and let it be signed again.",
        )
    return data


def _packed(
    spec_file: SpecFile, lock: Lock, content: LocalContent, origins: Origins, disk: Disk
) -> Mapping[str, bytes]:
    pinned = {chart.name: chart.digest for chart in lock.release.charts}
    blobs = {blob.digest: blob for blob in lock.release.blobs}

    def nearby(wanted: str) -> bytes | None:
        return disk.read(blobs[wanted]) if wanted in blobs else None

    charts = carried_charts(spec_file, content, origins, pinned, nearby)
    return packed_blobs(spec_file.spec, content, charts)


def _header(release: Release, signed: SignedRelease, carried: frozenset[str] | None) -> Header:
    carriage = carriage_of(release, digest(signed.signed.document), carried)
    members = generated.member_bytes(release)
    return Header(
        release=signed.signed.document,
        signatures=signed.signed.signatures,
        roots=signed.roots,
        channel=signed.channel,
        carriage=documents.encode(carriage),
        readme=members[generated.README],
        oci_layout=members[generated.OCI_LAYOUT],
        index=members[generated.INDEX],
    )
