"""Writes volumes of a bundle to media and reads them back; joins volumes to a bundle again."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec import structs

from airferry_archive import compression, frames, volumes
from airferry_archive.journal import partial_path
from airferry_archive.layout import END, Layout
from airferry_archive.reader import BundleReader
from airferry_archive.volume_check import check
from airferry_archive.volume_set import HERE, Media, VolumeSet
from airferry_archive.volumes import Frame, Part, Span, Volume
from airferry_foundation import files
from airferry_foundation.errors import InputError, MissingInputError
from airferry_foundation.positioned import PositionedFile, WritableFile, writing
from airferry_foundation.progress import SILENT, Progress, Task
from airferry_foundation.rereading import expect_on_medium

_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class WrittenVolume:
    """A volume on its medium; `was_there`: found whole, and not written again."""

    path: Path
    size: int
    volume: Volume
    was_there: bool


def frames_of(reader: BundleReader) -> Iterator[Frame]:
    """Where a bundle may be cut: behind its header, behind each frame of a blob, at its end."""
    layout, file = reader.layout, reader.file
    offset = layout.blobs_start
    yield Frame(offset, None)
    for member in layout.members.values():
        for length in frames.frame_lengths(member.length):
            if member.offset is not None:
                offset += frames.encoded_size(length)
            else:
                offset = compression.end_of(file, offset, length, member.name)
            yield Frame(offset, member.blob.digest)
    yield Frame(offset + len(END), None)


def split(
    bundle: Path,
    to: Path,
    size: int,
    *,
    only: Collection[int] = (),
    progress: Progress = SILENT,
) -> tuple[WrittenVolume, ...]:
    """Cut a bundle into volumes of at most `size` bytes in the folder `to`; `only` some of them.

    Every byte of the bundle is verified first (against its own release; nobody is trusted for it),
    each volume is read back from its medium. A volume that is there already and whole is left.
    Called again after an interruption it goes on. Nothing is written beside the bundle.
    """
    if not to.is_dir():
        raise MissingInputError(f"{to} is not a folder", "Name the folder of a mounted medium.")
    with BundleReader.open(bundle) as reader:
        reader.bind(reader.release())
        reader.verify(progress)
        spans = volumes.cut(frames_of(reader), size)
        wanted = sorted(set(only)) or range(1, len(spans) + 1)
        if strange := [one for one in wanted if not 1 <= one <= len(spans)]:
            raise InputError(
                f"there is no volume {strange[0]}: the set has {len(spans)}",
                f"Name one of 1 to {len(spans)}; another --size makes another set.",
            )
        header = reader.header
        share = volumes.set_id(header.release, header.carriage, size)
        named = volumes.bundle_name(reader.path.name) if reader.volume_count else None
        name = named[0] if named else reader.path.name
        names = [to / volumes.name_of(name, index) for index in wanted]
        total = sum(spans[index - 1].end - spans[index - 1].start for index in wanted)
        task = progress.start(f"Writing volumes to {to}", 2 * total)
        done = []
        for index, path in zip(wanted, names, strict=True):
            draft = _draft(spans[index - 1], index, len(spans), share, size, reader.layout)
            done.append(_bring(reader.file, spans[index - 1], draft, path, task))
        task.finish()
    return tuple(done)


def join(
    first: Path, out: Path, *, media: Media = HERE, progress: Progress = SILENT
) -> tuple[int, int]:
    """Put volumes together into one file, verified as a whole; its bytes, and how many volumes."""
    partial = partial_path(out)
    if out.exists():
        raise InputError(f"{out} exists already", "Choose another name.")
    with BundleReader.open(first, media) as reader:
        count = max(1, reader.volume_count)
        reader.bind(reader.release())
        reader.expect_volumes(progress)
        with writing(partial) as target:
            target.cut(0)
            if reader.at_hand:
                target.expect_room(reader.file.size)
            size = _copy_all(reader.file, target, progress)
            target.sync()
    with BundleReader.open(partial) as made:
        made.bind(made.release())
        made.verify(progress)
    files.finish_partial(partial, out)
    return size, count


def _copy_all(source: PositionedFile, target: WritableFile, progress: Progress) -> int:
    task = progress.start(f"Joining to {target.path.name}")
    if isinstance(source, VolumeSet):  # each when it comes; what they hold is verified afterwards
        source.each(lambda one: _copy(source, one.start, one.end, target, task))
    else:
        _copy(source, 0, source.size, target, task)
    task.finish()
    return source.size


def _copy(source: PositionedFile, offset: int, end: int, target: WritableFile, task: Task) -> None:
    while offset < end:
        data = source.read(offset, min(_STEP, end - offset))
        offset = target.write([data], offset)
        task.advance(len(data))


def _draft(span: Span, index: int, count: int, share: str, size: int, layout: Layout) -> Volume:
    """A volume without its parts, whose digests are not known yet."""
    frames_known = (layout.members[blob].frames for blob in span.blobs)
    return Volume(
        schema="airferry.volume/v1",
        set=share,
        cut=size,
        index=index,
        count=count,
        start=span.start,
        length=span.end - span.start,
        blobs=span.blobs,
        compressed=tuple(one for one in frames_known if one is not None),
    )


def _bring(
    source: PositionedFile, span: Span, draft: Volume, path: Path, task: Task
) -> WrittenVolume:
    if path.exists():
        found = check(path)
        if _without_parts(found) != draft:
            raise InputError(
                f"{path} exists already, and is volume {found.index} of another set",
                "Move it away, or choose another folder.",
            )
        task.settle(2 * draft.length)
        return WrittenVolume(path, path.stat().st_size, found, was_there=True)
    partial = partial_path(path)
    with writing(partial) as target:
        target.cut(0)
        target.expect_room(draft.length + volumes.trailer_room(len(draft.blobs) + 2))
        volume, digest, size = _write(source, span, draft, target, task)
        target.sync()
    expect_on_medium(partial, digest, task=task)
    files.finish_partial(partial, path)
    return WrittenVolume(path, size, volume, was_there=False)


def _write(
    source: PositionedFile, span: Span, draft: Volume, target: WritableFile, task: Task
) -> tuple[Volume, str, int]:
    """Copy a span and end it with its trailer; the digest and size of what was written."""
    hasher = hashlib.sha256()
    edges = [(edge, hashlib.sha256()) for edge in span.edges]
    offset = span.start
    while offset < span.end:
        data = source.read(offset, min(_STEP, span.end - offset))
        hasher.update(data)
        for edge, part in edges:
            part.update(data[max(0, edge.start - offset) : max(0, edge.end - offset)])
        target.write([data], offset - span.start)
        offset += len(data)
        task.advance(len(data))
    parts = tuple(
        Part(
            blob=edge.blob,
            offset=edge.start - span.start,
            length=edge.end - edge.start,
            digest="sha256:" + part.hexdigest(),
        )
        for edge, part in edges
    )
    volume = _with_parts(draft, parts)
    trailer = volumes.encode(volume)
    hasher.update(trailer)
    size = target.write([trailer], draft.length)
    return volume, "sha256:" + hasher.hexdigest(), size


def _with_parts(volume: Volume, parts: tuple[Part, ...]) -> Volume:
    return structs.replace(volume, parts=parts)


def _without_parts(volume: Volume) -> Volume:
    return _with_parts(volume, ())
