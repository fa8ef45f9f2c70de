"""Checks one volume alone: every byte of it, without the others.

Whole blobs are hashed; what is of a blob that was cut is compared with the trailer's digest. That
tells a damaged volume from a sound one. Whose release it is, only the first volume's header says.
"""

from __future__ import annotations

from pathlib import Path

from airferry_archive import carriage as carriages
from airferry_archive import compression, content, frames, generated, tar_headers, volumes
from airferry_archive import release as releases
from airferry_archive.carriage import Carriage
from airferry_archive.cursor import Cursor
from airferry_archive.header import CARRIAGE, RELEASE
from airferry_archive.header_form import read_header
from airferry_archive.layout import END, Coding, Member, arrange
from airferry_archive.mismatch import mismatch
from airferry_archive.release import Blob, Release
from airferry_archive.tar_headers import TarHeader
from airferry_archive.volume_set import read_volume
from airferry_archive.volumes import Part, Volume
from airferry_foundation import documents
from airferry_foundation.errors import BundleMismatchError, DocumentError
from airferry_foundation.positioned import PositionedFile, reading
from airferry_foundation.progress import SILENT, Task

_RAW_LEAD = len(frames.encode(b"x")) - 1


def check(path: Path, *, task: Task | None = None) -> Volume:
    """The trailer of a volume of which every byte holds.

    BundleMismatchError or TruncatedError if one does not. `task` is told of bytes.
    """
    told = task or SILENT.start("")
    with reading(path) as file:
        volume = read_volume(file)
        walk = _Walk(file, volume, told)
        walk.run()
    return volume


class _Walk:
    """Goes through a volume's piece of the bundle from its first byte to its last."""

    def __init__(self, file: PositionedFile, volume: Volume, task: Task) -> None:
        self._file = file
        self._volume = volume
        self._task = task
        self._offset = 0
        self._mtime: int | None = None
        self._compressed = iter(volume.compressed)

    def run(self) -> None:
        volume = self._volume
        parts = list(volume.parts)
        if volume.index == 1:
            self._header()
        elif parts and parts[0].offset == 0:
            self._part(parts.pop(0))
        for blob in volume.blobs:
            self._blob(blob)
        for part in parts:
            self._part(part)
        if volume.is_last:
            self._end()
        if self._offset != volume.length or next(self._compressed, None):
            raise self._wrong("trailer", "its blobs are not all that the volume has")

    def _header(self) -> None:
        form = read_header(self._file)
        header = form.header
        share = volumes.set_id(header.release, header.carriage, self._volume.cut)
        if share != self._volume.set:
            raise self._wrong("trailer", "it is not of the set that its header makes")
        try:
            release = documents.decode(
                header.release, Release, name=RELEASE, cap=releases.MAX_BYTES
            )
            carriage = documents.decode(
                header.carriage, Carriage, name=CARRIAGE, cap=carriages.MAX_BYTES
            )
            layout = arrange(header, release, carriage)
        except (BundleMismatchError, DocumentError) as error:
            raise self._wrong("header", error.message) from None
        if (layout.files, layout.mtime, layout.blobs_start) != (form.files, form.mtime, form.end):
            raise self._wrong("header", "it is not what its release calls for")
        self._offset, self._mtime = form.end, form.mtime
        self._task.advance(form.end)

    def _part(self, part: Part) -> None:
        if part.offset != self._offset:
            raise self._wrong(part.blob, f"a part of it should begin at {part.offset:,}")
        end = part.offset + part.length
        found = content.digest_between(self._file, part.offset, end)
        if found != part.digest:
            raise self._wrong(part.blob, f"the part of it here has the digest {found}")
        self._offset = end
        self._task.advance(part.length)

    def _blob(self, digest: str) -> None:
        member = self._member(digest)
        end = self._offset + frames.encoded_size(member.length)  # of a raw one

        def ended(offset: int) -> None:
            nonlocal end
            end = offset

        for chunk in content.stream(self._file, member, self._offset, ended):
            self._task.advance(len(chunk))
        self._offset = end

    def _member(self, digest: str) -> Member:
        """The member that begins here: what it says of itself, to be compared when it is read."""
        name = generated.blob_name(digest)
        coding = Coding.RAW
        start = self._file.read_some(self._offset, len(compression.FRAME_HEADER))
        if start == compression.FRAME_HEADER:
            coding = Coding.COMPRESSED
            cursor = Cursor(self._file, self._offset)
            block = bytes(next(compression.decode(cursor, frames.FRAME, name), b""))
        else:
            block = self._file.read_some(self._offset + _RAW_LEAD, tar_headers.BLOCK)
        header = tar_headers.decode(block[: tar_headers.BLOCK])
        if header is None or header.name != name or self._mtime not in {None, header.mtime}:
            raise self._wrong(name, "it does not begin here")
        return self._as_member(digest, header, coding)

    def _as_member(self, digest: str, header: TarHeader, coding: Coding) -> Member:
        self._mtime = header.mtime
        member = Member(
            Blob(digest=digest, size=header.size, media_type="any/any", repositories=()),
            header.mtime,
            coding,
            frames=self._frames(digest) if coding is Coding.COMPRESSED else None,
        )
        end = self._offset + frames.encoded_size(member.length)
        if coding is Coding.RAW and end > self._volume.length:
            raise self._wrong(member.name, "it is longer than the volume")
        return member

    def _frames(self, digest: str) -> str:
        found = next(self._compressed, None)
        if found is None:
            raise self._wrong(digest, "the trailer does not tell its frames")
        return found

    def _end(self) -> None:
        if self._file.read_some(self._offset, len(END)) != END:
            raise self._wrong("end", "the end of the archive is not what it is")
        self._offset += len(END)

    def _wrong(self, member: str, what: str) -> BundleMismatchError:
        return mismatch(self._file, member, self._offset, what)
