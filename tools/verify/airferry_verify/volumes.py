"""Volumes: pieces of a bundle, each ended by a trailer; put together here, in whatever order.

What `cat` makes of them is several pieces in one file. Nothing here says whose release it is.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .documents import canonical, digest, expect_fields, is_digest
from .refusal import Refused, Unanswered
from .source import Piece, Source

_MAGIC = bytes.fromhex("5a2a4d18")
_MARK = b"AFV1"
_FOOTER = 16
_LEAD = 8
_MAX_TRAILER = 4 << 20
_MAX_VOLUMES = 999
_NAME = re.compile(r"(.+)\.([0-9]{3})")
_SCHEMA = "airferry.volume/v1"
_NUMBERS = ("cut", "start", "length")
_NEEDED = {"schema", "set", "index", "count", *_NUMBERS}
_LISTS = {"blobs", "compressed", "parts"}
_PART = {"blob", "offset", "length", "digest"}


@dataclass(frozen=True)
class Volume:
    """A piece of a bundle, and what its trailer says of it."""

    piece: Piece
    says: dict[str, Any]

    @property
    def index(self) -> int:
        """Its number."""
        return int(self.says["index"])

    @property
    def identity(self) -> tuple[str, int, int]:
        """What all volumes of a set share."""
        return self.says["set"], self.says["cut"], self.says["count"]


@dataclass(frozen=True)
class Held:
    """What was given: the bytes, and the volumes that they are in (none: a whole bundle)."""

    source: Source
    volumes: tuple[Volume, ...]
    files: int


@dataclass(frozen=True)
class Span:
    """Where a blob's member stands: its start, and the end of each of its frames."""

    blob: str
    start: int
    frames: tuple[int, ...]
    told: str | None
    """The digest of its frames, if they are compressed."""


# --- finding them ---------------------------------------------------------------------------------


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files that are meant: a folder stands for the volumes in it, a volume for its set there.

    Each once. Unanswered for a folder with none, or with several sets.
    """
    found: dict[tuple[int, int], Path] = {}
    for path in paths:
        for one in _meant(path):
            status = one.stat()
            found.setdefault((status.st_dev, status.st_ino), one)
    return list(found.values())


def _meant(path: Path) -> list[Path]:
    named = _NAME.fullmatch(path.name)
    if path.is_dir():
        return _in_folder(path)
    if named is None:
        return [path]
    return [path, *(one for one, stem in _volumes_in(path.parent) if stem == named[1])]


def _in_folder(folder: Path) -> list[Path]:
    found = _volumes_in(folder)
    stems = sorted({stem for _, stem in found})
    if len(stems) > 1:
        raise Unanswered(f"{folder} holds volumes of several bundles: name those of one of them")
    if not found:
        raise Unanswered(f"{folder} holds no volumes (names that end in .001, .002 and so on)")
    return [one for one, _ in found]


def _volumes_in(folder: Path) -> list[tuple[Path, str]]:
    named = ((one, _NAME.fullmatch(one.name)) for one in sorted(folder.iterdir()))
    return [(one, match[1]) for one, match in named if match]


# --- reading them ---------------------------------------------------------------------------------


def held(opened: list[tuple[Path, int]]) -> Held:
    """The bundle that open files are; Unanswered, naming them, where volumes are missing."""
    found = [(path, handle, _pieces(path, handle)) for path, handle in opened]
    whole = [(path, handle) for path, handle, pieces in found if not pieces]
    if whole:
        path, handle = whole[0]
        if len(found) > 1:
            raise Unanswered(f"{path} is no volume but a bundle by itself: give it alone")
        piece = Piece(handle, str(path), 0, 0, os.fstat(handle).st_size)
        return Held(Source((piece,)), (), 1)
    volumes = _in_order([one for _, _, pieces in found for one in pieces])
    return Held(Source(tuple(one.piece for one in volumes)), volumes, len(found))


def _pieces(path: Path, handle: int) -> list[Volume]:
    """The volumes in a file, from its end to its beginning; none in a bundle that was not cut."""
    named, end = _NAME.fullmatch(path.name), os.fstat(handle).st_size
    found: list[Volume] = []
    while end or not found:
        trailer = _trailer(path, handle, end)
        if trailer is None and not found and named is None:
            return []
        if trailer is None:
            raise Refused(f"{path} is no whole volume: no trailer ends at byte {end}")
        says, size = trailer
        at = end - size - says["length"]
        if at < 0 or (found and found[0].index != says["index"] + 1):
            raise Refused(f"{path}: before byte {end} stands something else than its trailer says")
        found.insert(0, Volume(Piece(handle, str(path), at, says["start"], says["length"]), says))
        end = at
    if named and len(found) == 1 and found[0].index != int(named[2]):
        raise Refused(f"{path} is volume {found[0].index} of its set: it was renamed")
    return found


def _trailer(path: Path, handle: int, end: int) -> tuple[dict[str, Any], int] | None:
    """What the trailer that ends at a byte says, and how long it is; None if none does."""
    footer = os.pread(handle, _FOOTER, end - _FOOTER) if end >= _FOOTER else b""
    if footer[4:8] != _MARK:
        return None
    length = int.from_bytes(footer[:4], "little")
    size = _LEAD + length + _FOOTER
    if length > _MAX_TRAILER or size > end:
        raise Refused(f"{path}: its trailer can't have {length} bytes")
    data = os.pread(handle, size, end - size)
    text = data[_LEAD:-_FOOTER]
    lead = _MAGIC + (length + _FOOTER).to_bytes(4, "little")
    if data[:_LEAD] != lead or hashlib.sha256(text).digest()[:8] != footer[8:]:
        raise Refused(f"{path}: its trailer is damaged")
    says = canonical(text, _SCHEMA, f"the trailer of {path}")
    _expect_form(says, f"the trailer of {path}")
    return says, size


def _expect_form(says: dict[str, Any], name: str) -> None:
    expect_fields(says, _NEEDED, name, _LISTS)
    numbers = all(type(says[one]) is int for one in (*_NUMBERS, "index", "count"))
    if not numbers or not 1 <= says["index"] <= says["count"] <= _MAX_VOLUMES:
        raise Refused(f"{name} holds numbers that can't be")
    lists = [says[one] for one in _LISTS & set(says)]
    if not is_digest(says["set"]) or not all(isinstance(one, list) and one for one in lists):
        raise Refused(f"{name} holds what does not belong there")
    for part in says.get("parts", ()):
        expect_fields(part, _PART, name, set())
        if {type(part["offset"]), type(part["length"])} != {int} or not is_digest(part["digest"]):
            raise Refused(f"{name}: a part of it is malformed")
        if not 0 <= part["offset"] < part["offset"] + part["length"] <= says["length"]:
            raise Refused(f"{name}: a part of it is out of place")


def _in_order(volumes: list[Volume]) -> tuple[Volume, ...]:
    """All volumes of one set, each once, each where the one before ends."""
    first, by_index = volumes[0], dict[int, Volume]()
    for one in volumes:
        if one.identity != first.identity:
            raise Refused(
                f"{one.piece.path} is volume {_called(one)}, {first.piece.path} is volume "
                f"{_called(first)}: of another bundle, or of another split"
            )
        if one.index in by_index:
            raise Unanswered(
                f"volume {one.index} is there twice: {by_index[one.index].piece.path} and "
                f"{one.piece.path}; give one of them"
            )
        by_index[one.index] = one
    count = first.identity[2]
    if missing := [one for one in range(1, count + 1) if one not in by_index]:
        names = ", ".join(_name_of(first, one) for one in missing)
        raise Unanswered(f"of the {count} volumes these are missing: {names}")
    ordered = tuple(by_index[one] for one in range(1, count + 1))
    end = 0
    for one in ordered:
        if one.piece.start != end:
            raise Refused(f"{one.piece.path} does not go on where volume {one.index - 1} ends")
        end = one.piece.end
    return ordered


def _name_of(other: Volume, index: int) -> str:
    """How a volume is called, after the name of another one."""
    named = _NAME.fullmatch(Path(other.piece.path).name)
    return f"{named[1]}.{index:03d}" if named else f"volume {index}"


def _called(volume: Volume) -> str:
    return f"{volume.index} of {volume.says['count']} of the set {volume.says['set']}"


# --- what their trailers promise ------------------------------------------------------------------


def expect_parts(volumes: tuple[Volume, ...]) -> None:
    """Hold the bytes at the edges to the digests in the trailers: that names a damaged volume."""
    for one in volumes:
        for part in one.says.get("parts", ()):
            found = one.piece.digest(part["offset"], part["length"])
            if found != part["digest"]:
                raise Refused(
                    f"{one.piece.path}: the part of {part['blob']} in it has the digest {found}, "
                    f"expected {part['digest']}"
                )


def expect_set(volumes: tuple[Volume, ...], release: bytes, carriage: bytes, header: int) -> None:
    """The set must be that of this release and carriage, with the whole header in its first."""
    for one in volumes[:1]:
        share = digest(f"{digest(release)} {digest(carriage)} {one.says['cut']}\n".encode())
        if share != one.says["set"]:
            raise Refused(f"the volumes are of the set {one.says['set']}, the header is of {share}")
        if header > one.piece.end:
            raise Refused(f"{one.piece.path} does not hold the whole header")


def expect_shares(volumes: tuple[Volume, ...], header: int, spans: list[Span], size: int) -> None:
    """Each trailer must list what its volume holds, and each volume end where a frame does."""
    ends = {header, size}.union(*(span.frames for span in spans))
    for one in volumes:
        if _listed(one) != list(_holds(one.piece, spans)):
            raise Refused(f"{one.piece.path}: its trailer does not list what the volume holds")
        if one.piece.end not in ends:
            raise Refused(f"{one.piece.path} ends within a frame")


def _holds(piece: Piece, spans: list[Span]) -> Iterator[tuple[str, Any]]:
    inside = [one for one in spans if one.start < piece.end and one.frames[-1] > piece.start]
    for kind in ("blobs", "compressed", "parts"):
        for one in inside:
            start, end = max(one.start, piece.start), min(one.frames[-1], piece.end)
            whole = (start, end) == (one.start, one.frames[-1])
            if kind == "blobs" and whole:
                yield kind, one.blob
            elif kind == "compressed" and whole and one.told:
                yield kind, one.told
            elif kind == "parts" and not whole:
                yield kind, (one.blob, start - piece.start, end - start)


def _listed(volume: Volume) -> list[tuple[str, Any]]:
    says = volume.says
    listed: list[tuple[str, Any]] = [("blobs", one) for one in says.get("blobs", ())]
    listed += [("compressed", one) for one in says.get("compressed", ())]
    parts = says.get("parts", ())
    return [*listed, *(("parts", (one["blob"], one["offset"], one["length"])) for one in parts)]
