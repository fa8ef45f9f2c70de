"""Documents to bytes and offsets: where everything in a bundle stands. Pure.

The file is a function of its header and its blobs, but for the coding of compressed members. Order:
the header's files; raw members (manifests, indexes and configurations first, then blobs that are
compressed already, each part by digest); compressed members by digest; the end of the tar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from airferry_archive import frames, generated, tar_headers
from airferry_archive.carriage import Carriage
from airferry_archive.header import (
    CARRIAGE,
    MAX_HEADER,
    RELEASE,
    SHA256SUMS,
    Files,
    Header,
    cap_of,
)
from airferry_archive.media_types import is_compressed, is_description
from airferry_archive.release import Blob, Release
from airferry_archive.tar_headers import TarHeader
from airferry_foundation import clock, documents
from airferry_foundation.digests import digest
from airferry_foundation.errors import BundleMismatchError

__all__ = [
    "END",
    "Coding",
    "Header",
    "Layout",
    "Member",
    "arrange",
    "arrange_with",
    "coding_of",
    "encode_file",
]

END = frames.encode(tar_headers.END)
"""The last bytes of every bundle."""

_UNKNOWN = digest(b"")


class Coding(StrEnum):
    """How a member's bytes stand in the file."""

    RAW = "raw"
    COMPRESSED = "compressed"


@dataclass(frozen=True, slots=True)
class Member:
    """A blob as a member: its tar header, its coding, its offset in the file if that is known.

    `frames` is the digest of its frames if it is compressed and they are known.
    """

    blob: Blob
    mtime: int
    coding: Coding
    offset: int | None = None
    frames: str | None = None

    @property
    def name(self) -> str:
        """The path in the tar."""
        return generated.blob_name(self.blob.digest)

    @property
    def length(self) -> int:
        """Bytes of tar header, data and padding together: the content of its frames."""
        return tar_headers.content_length(self.blob.size)

    @property
    def tar_header(self) -> bytes:
        """The 512 bytes before the data."""
        return TarHeader(self.name, self.blob.size, self.mtime).encode()


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands. `members` by digest, in the order of the file."""

    mtime: int
    files: Files
    members: Mapping[str, Member]
    blobs_start: int
    compressed_start: int

    @property
    def raw(self) -> tuple[Member, ...]:
        """The members whose offsets are known, in order."""
        return tuple(m for m in self.members.values() if m.coding is Coding.RAW)

    @property
    def compressed(self) -> tuple[Member, ...]:
        """The members that come behind `compressed_start`, in order."""
        return tuple(m for m in self.members.values() if m.coding is Coding.COMPRESSED)

    @property
    def first_frame(self) -> bytes:
        """The first bytes of the file: they are written last."""
        return encode_file(*self.files[0], self.mtime)

    def header_rest(self) -> bytes:
        """The bytes between the first frame and the blobs."""
        return b"".join(encode_file(name, data, self.mtime) for name, data in self.files[1:])

    @property
    def size(self) -> int | None:
        """The size of the whole file, None where there are compressed members."""
        return None if self.compressed else self.compressed_start + len(END)

    @property
    def arrangement(self) -> str:
        """A digest of what stands where: two layouts that share it share all offsets and blobs."""
        lines = [f"{self.mtime} {self.blobs_start}"]
        lines += [f"{m.name} {m.blob.size} {m.coding} {m.offset}" for m in self.members.values()]
        return digest("\n".join(lines).encode())


def arrange(header: Header, release: Release, carriage: Carriage) -> Layout:
    """The layout of the file with this header.

    `release` and `carriage` are the header's own, decoded. Raises BundleMismatchError where header,
    release and carriage do not fit together.
    """
    _expect_members(header, release)
    carried = _carried(header, release, carriage)
    mtime = int(clock.read(release.issued_at).timestamp())
    members = _with_frames(_in_order(carried, mtime), carriage.compressed)
    files = header.files(_sums(header, members))
    _expect_caps(files)
    start = sum(_encoded(len(data)) for _, data in files)
    if start > MAX_HEADER:
        raise BundleMismatchError(f"the header has {start:,} bytes; {MAX_HEADER:,} are allowed")
    placed, end = _place(members, start)
    return Layout(mtime, files, placed, start, end)


def arrange_with(
    header: Header, release: Release, carriage: Carriage, frames: Mapping[str, str]
) -> Layout:
    """The layout of the file that `carriage` will be in once it tells the frames of its members.

    `frames` are digests by blob. While some are not known the offsets are right all the same, since
    another digest is as long.
    """
    blobs = {blob.digest: blob for blob in release.blobs}
    compressed = [d for d in carriage.blobs if d in blobs and _is_compressed(blobs[d])]
    told = msgspec.structs.replace(
        carriage, compressed=tuple(frames.get(one, _UNKNOWN) for one in compressed)
    )
    return arrange(replace(header, carriage=documents.encode(told)), release, told)


def _is_compressed(blob: Blob) -> bool:
    return coding_of(blob) is Coding.COMPRESSED


def coding_of(blob: Blob) -> Coding:
    """How a blob is coded, by its media type alone."""
    description = is_description(blob.media_type)
    return Coding.RAW if description or is_compressed(blob.media_type) else Coding.COMPRESSED


def encode_file(name: str, data: bytes, mtime: int) -> bytes:
    """A small file as a raw member."""
    header = TarHeader(name, len(data), mtime).encode()
    return frames.encode(header + data + bytes(tar_headers.padding(len(data))))


def _encoded(size: int) -> int:
    return frames.encoded_size(tar_headers.content_length(size))


def _in_order(blobs: Iterable[Blob], mtime: int) -> list[Member]:
    members = [Member(blob, mtime, coding_of(blob)) for blob in blobs]
    return sorted(members, key=lambda m: (*_part(m), m.blob.digest))


def _with_frames(members: list[Member], digests: tuple[str, ...]) -> list[Member]:
    raw = [member for member in members if member.coding is Coding.RAW]
    compressed = members[len(raw) :]
    if len(compressed) != len(digests):
        raise BundleMismatchError(
            f"{CARRIAGE} has the digests of the frames of {len(digests)} compressed members; "
            f"there are {len(compressed)}"
        )
    return [
        *raw,
        *(replace(m, frames=one) for m, one in zip(compressed, digests, strict=True)),
    ]


def _part(member: Member) -> tuple[bool, bool]:
    return member.coding is Coding.COMPRESSED, not is_description(member.blob.media_type)


def _place(members: Iterable[Member], start: int) -> tuple[dict[str, Member], int]:
    placed: dict[str, Member] = {}
    for member in members:
        if member.coding is Coding.RAW:
            placed[member.blob.digest] = replace(member, offset=start)
            start += frames.encoded_size(member.length)
        else:
            placed[member.blob.digest] = member
    return placed, start


def _sums(header: Header, members: Iterable[Member]) -> bytes:
    return generated.sha256sums(_summed(header, members))


def _summed(header: Header, members: Iterable[Member]) -> Iterator[tuple[str, str]]:
    for name, data in header.files(b""):
        if name != SHA256SUMS:
            yield name, digest(data)
    for member in members:
        yield member.name, member.blob.digest


def _carried(header: Header, release: Release, carriage: Carriage) -> list[Blob]:
    known = {blob.digest: blob for blob in release.blobs}
    if len(known) != len(release.blobs):
        raise BundleMismatchError(f"{RELEASE} lists a blob twice")
    if carriage.release != digest(header.release):
        raise BundleMismatchError(
            f"{CARRIAGE} is for the release {carriage.release}, not {digest(header.release)}"
        )
    if list(carriage.blobs) != sorted(set(carriage.blobs)):
        raise BundleMismatchError(f"{CARRIAGE} does not list its blobs once each and in order")
    if strange := set(carriage.blobs) - set(known):
        raise BundleMismatchError(f"{CARRIAGE} lists {min(strange)}, which {RELEASE} does not")
    if carriage.kind == "full" and len(carriage.blobs) != len(known):
        raise BundleMismatchError(
            f"{CARRIAGE} says that all {len(known)} blobs are carried, but lists "
            f"{len(carriage.blobs)}"
        )
    return [known[one] for one in carriage.blobs]


def _expect_members(header: Header, release: Release) -> None:
    for name, data in header.generated.items():
        listed = release.members.get(name)  # type: ignore[call-overload] # a name among its literals
        if listed is None or (listed.digest, listed.size) != (digest(data), len(data)):
            raise BundleMismatchError(f"{name} is not the one that {RELEASE} lists")


def _expect_caps(files: Files) -> None:
    for name, data in files:
        cap = cap_of(name)
        if cap is None or len(data) > cap:
            raise BundleMismatchError(
                f"{name} has {len(data):,} bytes; {cap or 0:,} are allowed in a bundle"
            )
