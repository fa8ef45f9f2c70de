"""Volumes: a bundle cut into files for media that are too small for it. Pure.

A volume is a piece of the bundle, cut at frame ends, then one skippable frame (RFC 8878, 3.1.2):

    magic 0x184D2A5A, size | canonical JSON of `Volume` | length of the JSON, b"AFV1", sha256[:8]

The last three are the 16 bytes of the footer, so a trailer is found from a file's end. zstd and tar
pass over skippable frames: `cat NAME.* | tar --zstd -x` opens a set. The trailer is not signed: the
release vouches for each blob, and a wrong trailer can only cause a refusal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Literal

import msgspec

from airferry_archive.release import MAX_BLOBS, Size
from airferry_foundation import documents
from airferry_foundation.digests import Digest, digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import BundleMismatchError, InputError

SIZES = {"fat32": 4_294_967_295, "dvd": 4_700_372_992}
"""Bytes of a file at most: the largest one of FAT32; a single-layer DVD."""

MINIMUM = 128 << 20
MAX_VOLUMES = 999  # three digits, so that a shell sorts them as they follow

SKIPPABLE = bytes.fromhex("5a2a4d18")
FOOTER = 16
MAX_TRAILER = 4 << 20
_LEAD = 8
_MARK = b"AFV1"
_FIXED = 1400
"""More bytes than a trailer has besides its list of blobs."""

AGAIN = "Copy the volume again; the vendor can make this one alone anew (split --only)."

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20}
_UNITS |= {"GIB": 1 << 30, "TB": 10**12, "TIB": 1 << 40}
_SIZE = re.compile(r"([1-9][0-9]{0,17}) ?([KMGT]I?B)?", re.IGNORECASE)
_NAME = re.compile(r"(?P<stem>.+)\.(?P<index>[0-9]{3})")

Index = Annotated[int, msgspec.Meta(ge=1, le=MAX_VOLUMES)]


class Part(Document, frozen=True, kw_only=True):
    """The frames of a blob that was cut, as far as this volume has them.

    `offset` is where they begin in the volume; `digest` is of these bytes.
    """

    blob: Digest
    offset: Size
    length: Size
    digest: Digest


class Volume(Document, frozen=True, kw_only=True):
    """What a volume's trailer says. `start` and `length` are of its piece of the bundle.

    `blobs` are whole in it, in order; `parts` are at its edges. `compressed` has the digests of the
    frames of those blobs that are compressed, in order. `set` is what all of a set share.
    """

    schema: Literal["airferry.volume/v1"]
    set: Digest
    cut: Size
    index: Index
    count: Index
    start: Size
    length: Size
    blobs: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_BLOBS)] = ()
    compressed: Annotated[tuple[Digest, ...], msgspec.Meta(max_length=MAX_BLOBS)] = ()
    parts: Annotated[tuple[Part, ...], msgspec.Meta(max_length=2)] = ()

    @property
    def end(self) -> int:
        """Where the next one starts."""
        return self.start + self.length

    @property
    def is_last(self) -> bool:
        """Whether the bundle ends in it."""
        return self.index == self.count


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a bundle, or several that must stay together: where it ends, whose it is."""

    end: int
    blob: str | None


@dataclass(frozen=True, slots=True)
class Edge:
    """What a volume has of a blob that was cut; offsets are of the bundle."""

    blob: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Span:
    """What goes into one volume: bytes from `start` to `end` of the bundle."""

    start: int
    end: int
    blobs: tuple[str, ...]
    edges: tuple[Edge, ...]


def set_id(release: bytes, carriage: bytes, cut: int) -> str:
    """What all volumes of a set share: they are of this file, cut at this size."""
    return digest(f"{digest(release)} {digest(carriage)} {cut}\n".encode())


def read_size(text: str, minimum: int = MINIMUM) -> int:
    """Bytes of `4GiB`, `fat32`, `dvd` or a plain number; InputError below the minimum."""
    match = _SIZE.fullmatch(text)
    if text.lower() in SIZES:
        return SIZES[text.lower()]
    if match is None:
        raise InputError(f"{text!r} is no size", "Give fat32, dvd, a number of bytes, or 4GiB.")
    size = int(match[1]) * _UNITS[(match[2] or "").upper()]
    if size < minimum:
        raise InputError(
            f"a volume of {size:,} bytes is too small: at least {minimum:,} are needed",
            "A frame of a bundle has up to 64 MiB, and volumes are cut between frames.",
        )
    return size


def name_of(bundle: str, index: int) -> str:
    """The file name of a volume."""
    return f"{bundle}.{index:03d}"


def bundle_name(name: str) -> tuple[str, int] | None:
    """The bundle's name and the index that a volume's file name says; None if it is no volume's."""
    match = _NAME.fullmatch(name)
    return (match["stem"], int(match["index"])) if match and int(match["index"]) else None


# --- cutting --------------------------------------------------------------------------------------


def cut(frames: Iterable[Frame], limit: int) -> tuple[Span, ...]:
    """Cut a bundle into volumes of at most `limit` bytes each, trailers and all.

    InputError where a frame (or the header, which stays whole) is larger, or for too many volumes.
    """
    groups: list[list[Frame]] = [[]]
    start = end = 0
    blobs: set[str] = set()
    for frame in frames:
        wanted = blobs | ({frame.blob} if frame.blob else set())
        if groups[-1] and frame.end - start + trailer_room(len(wanted)) > limit:
            groups.append([])
            start, wanted = end, {frame.blob} if frame.blob else set()
        if frame.end - start + trailer_room(len(wanted)) > limit:
            raise InputError(
                f"{frame.end - start:,} bytes must stay together and don't fit into a volume of "
                f"{limit:,}",
                "Choose a larger size.",
            )
        groups[-1].append(frame)
        blobs, end = wanted, frame.end
    if len(groups) > MAX_VOLUMES:
        raise InputError(
            f"there would be {len(groups)} volumes; at most {MAX_VOLUMES} are allowed",
            "Choose a larger size.",
        )
    return tuple(_spans(groups))


def trailer_room(blobs: int) -> int:
    """More bytes than the trailer of a volume needs that holds (parts of) so many blobs."""
    return _FIXED + 2 * 74 * blobs


def _spans(groups: Sequence[Sequence[Frame]]) -> Iterator[Span]:
    bounds = _bounds(frame for group in groups for frame in group)
    start = 0
    for group in groups:
        end = group[-1].end if group else start
        inside = dict.fromkeys(frame.blob for frame in group if frame.blob)
        whole = [one for one in inside if start <= bounds[one][0] and bounds[one][1] <= end]
        cut_ones = [one for one in inside if one not in whole]
        edges = (
            Edge(one, max(start, bounds[one][0]), min(end, bounds[one][1])) for one in cut_ones
        )
        yield Span(start, end, tuple(whole), tuple(edges))
        start = end


def _bounds(frames: Iterable[Frame]) -> dict[str, tuple[int, int]]:
    """Where each blob's frames begin and end."""
    bounds: dict[str, tuple[int, int]] = {}
    before = 0
    for frame in frames:
        if frame.blob:
            bounds[frame.blob] = (bounds.get(frame.blob, (before, 0))[0], frame.end)
        before = frame.end
    return bounds


# --- trailers -------------------------------------------------------------------------------------


def encode(volume: Volume) -> bytes:
    """The skippable frame that ends a volume."""
    text = documents.encode(volume)
    footer = len(text).to_bytes(4, "little") + _MARK + sha256(text).digest()[:8]
    return SKIPPABLE + (len(text) + FOOTER).to_bytes(4, "little") + text + footer


def trailer_length(footer: bytes) -> int | None:
    """Bytes of the whole trailer that ends in these 16; None if that is no footer."""
    length = int.from_bytes(footer[:4], "little")
    if len(footer) != FOOTER or footer[4:8] != _MARK or length > MAX_TRAILER:
        return None
    return _LEAD + length + FOOTER


def decode(trailer: bytes, name: str) -> Volume:
    """What a trailer says; BundleMismatchError unless it is what it encodes to."""
    text = trailer[_LEAD:-FOOTER]
    if sha256(text).digest()[:8] != trailer[-8:]:
        raise BundleMismatchError(f"{name}: its trailer is damaged", AGAIN)
    volume = documents.decode(text, Volume, name=f"the trailer of {name}", cap=MAX_TRAILER)
    if encode(volume) != trailer or volume.index > volume.count or not _tiles(volume):
        raise BundleMismatchError(f"{name}: its trailer does not fit together", AGAIN)
    return volume


def _tiles(volume: Volume) -> bool:
    """Whether the parts stand at the volume's edges, the front one first."""
    edges = [(part.offset, part.offset + part.length) for part in volume.parts]
    inside = all(0 <= start < end <= volume.length for start, end in edges)
    apart = len(edges) < 2 or edges[0][1] <= edges[1][0]
    return inside and apart and all(s == 0 or e == volume.length for s, e in edges)


def front_length(volume: Volume) -> int:
    """Bytes at a volume's beginning that belong to a blob which began before."""
    front = [part for part in volume.parts if part.offset == 0 and volume.start]
    return front[0].length if front else 0
