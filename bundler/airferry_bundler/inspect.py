"""What a bundle's header says: read alone, and judged by nothing but the roots that it carries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from airferry_archive import release as releases
from airferry_archive.layout import Header
from airferry_archive.reader import BundleReader
from airferry_archive.release import Blob, Image, Release
from airferry_archive.volume_set import first_volume
from airferry_bundler import lock as locks
from airferry_bundler.carried import image_repository
from airferry_bundler.signed_release import CHANNEL
from airferry_foundation import clock, documents, files
from airferry_foundation.digests import digest
from airferry_foundation.errors import RootError, TrustError
from airferry_signing import channel as channels
from airferry_signing import cosign as cosigns
from airferry_signing import roots
from airferry_signing.channel import Channel

_ZSTD = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True, slots=True)
class ImageSeen:
    """An image of a bundle; `size` is the bytes of the blobs of its repository."""

    name: str
    digest: str
    platforms: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A header, for people and scripts. `refusal` says why it is not even self-consistent."""

    release: Release
    release_digest: str
    file_size: int
    images: tuple[ImageSeen, ...]
    root: int
    signers: tuple[str, ...]
    refusal: str
    channel: Channel | None = None
    """The channel statement that it carries."""

    @property
    def verdict(self) -> str:
        """One line on the signatures."""
        if self.refusal:
            return f"no: {self.refusal}"
        return "yes, by the roots that it carries itself; whose they are, it can't prove"

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What the release is, in the order it is shown."""
        said = self.release
        blobs = sum(blob.size for blob in said.blobs)
        return (
            ("product", said.product),
            ("version", said.version),
            ("counter", f"{said.release_counter} (epoch {said.epoch})"),
            ("floor", str(said.security_floor)),
            ("customers", _party(said.audience.customers)),
            ("environments", _party(said.audience.environments)),
            ("platforms", " ".join(said.platforms)),
            ("issued", said.issued_at),
            ("charts", " ".join(f"{c.name}:{c.version}" for c in said.charts) or "none"),
            ("channel", _standing(self.channel)),
            ("release", self.release_digest),
            ("blobs", f"{len(said.blobs)} of {blobs} bytes, in a file of {self.file_size} bytes"),
        )

    def content(self) -> dict[str, Any]:
        """The same for scripts."""
        said = self.release
        return {
            "product": said.product,
            "version": said.version,
            "counter": said.release_counter,
            "epoch": said.epoch,
            "floor": said.security_floor,
            "audience": msgspec.to_builtins(said.audience),
            "platforms": said.platforms,
            "issued_at": said.issued_at,
            "release": self.release_digest,
            "channel": _facts(self.channel),
            "charts": [{"name": chart.name, "version": chart.version} for chart in said.charts],
            "images": msgspec.to_builtins(self.images),
            "blob_count": len(said.blobs),
            "blob_bytes": sum(blob.size for blob in said.blobs),
            "file_size": self.file_size,
            "root": self.root,
            "signers": self.signers,
            "self_consistent": not self.refusal,
            "refusal": self.refusal,
        }


def inspect(path: Path) -> Seen:
    """Read a bundle's header; no blob is looked at."""
    with BundleReader.open(path) as reader:
        header, release = reader.header, reader.release()
    root, signers, refusal = _judge(header)
    stated = header.channel
    return Seen(
        release=release,
        release_digest=digest(header.release),
        file_size=_size(path),
        images=tuple(_seen(image, release.blobs) for image in release.images),
        root=root,
        signers=signers,
        refusal=refusal,
        channel=channels.read(stated.document) if stated else None,
    )


def _size(path: Path) -> int:
    """Bytes of the file; of all volumes that are in the folder."""
    first = first_volume(path)
    if first is None:
        return path.stat().st_size
    return sum(one.stat().st_size for one in first.parent.glob(f"{first.stem}.[0-9][0-9][0-9]"))


def read_release(path: Path) -> Release:
    """The release in a bundle (also in volumes), a release.json or a lock. Nothing is verified."""
    if first_volume(path) is not None:
        with BundleReader.open(path) as reader:
            return reader.release()
    with files.media_errors(path), path.open("rb") as file:
        head = file.read(4)
    if head == _ZSTD:
        with BundleReader.open(path) as reader:
            return reader.release()
    if path.name.endswith(".lock"):
        return locks.decode(files.read_capped(path, locks.MAX_BYTES), name=str(path)).release
    data = files.read_capped(path, releases.MAX_BYTES)
    return documents.decode(data, Release, name=str(path), cap=releases.MAX_BYTES)


def refusal_of(header: Header) -> str:
    """Why a header is not even self-consistent, '' if it is."""
    return _judge(header)[2]


def _judge(header: Header) -> tuple[int, tuple[str, ...], str]:
    """The newest carried root's number, whose keys signed, and why it would be refused."""
    cosign = cosigns.available()
    try:
        first = header.roots.get(min(header.roots, default=0))
        if first is None:
            raise RootError("it carries no roots")
        chain = roots.pin(header.roots, digest(first.document), cosign=cosign)
    except TrustError as error:
        return 0, (), error.message
    signed = header.signed_release
    try:
        signers = roots.accept(signed, "release", chain.newest, name="release.json", cosign=cosign)
        if header.channel is not None:
            roots.accept(header.channel, "channel", chain.newest, name=CHANNEL, cosign=cosign)
    except TrustError as error:
        return chain.number, (), error.message
    return chain.number, tuple(sorted(signers)), ""


def _seen(image: Image, blobs: tuple[Blob, ...]) -> ImageSeen:
    repository = image_repository(image.name)
    size = sum(blob.size for blob in blobs if repository in blob.repositories)
    return ImageSeen(image.name, image.digest, tuple(sorted(image.platforms)), size)


def _standing(said: Channel | None) -> str:
    if said is None:
        return "no statement: customers can't tell what is newest or revoked"
    old = clock.age(clock.read(said.issued_at), clock.now())
    return (
        f"statement {said.sequence} of epoch {said.epoch}, {old} old: newest {said.newest_version} "
        f"(counter {said.newest_counter}), floor {said.security_floor}, {len(said.revoked)} revoked"
    )


def _facts(said: Channel | None) -> dict[str, Any] | None:
    if said is None:
        return None
    days = max(0, (clock.now() - clock.read(said.issued_at)).days)
    return {**msgspec.to_builtins(said), "age_days": days}


def _party(names: tuple[str, ...] | str) -> str:
    return names if isinstance(names, str) else " ".join(names)
