"""The blobs: each where it must stand, hashed; then the end, and nothing behind it."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from . import frames
from .refusal import Refused
from .source import Source
from .volumes import Span

_STEP = 8
"""Blocks that are read at once: 1 MiB."""

_INDEXES_AND_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_CONFIG = re.compile(
    r"application/(.+[.]config[.].+[+]json|vnd[.]docker[.]container[.]image[.]v1[+]json"
    r"|vnd[.]oci[.]empty[.]v1[+]json)"
)
_PLAIN = re.compile(
    r".+[.]tar|.+[+](json|xml|yaml|tar)|text/.+|application/(json|xml|yaml|x-tar)"
    r"|application/vnd[.]airferry[.]file[.]v1"
)


@dataclass(frozen=True)
class Blob:
    """A blob of the release, and its part of the file: 0 descriptions, 1 raw, 2 compressed."""

    digest: str
    size: int
    part: int

    @property
    def name(self) -> str:
        """The member that holds it."""
        return f"blobs/sha256/{self.digest[7:]}"

    @property
    def length(self) -> int:
        """Bytes of its member."""
        return frames.member_length(self.size)


@dataclass(frozen=True)
class Counted:
    """What was read, and where; `unchecked` are compressed blobs that no zstd was there for."""

    spans: list[Span]
    bundle_bytes: int
    unchecked: tuple[str, ...]


def carried(release: dict[str, Any], digests: list[str]) -> list[Blob]:
    """The blobs of the file, in their order."""
    wanted = set(digests)
    found = [
        Blob(one["digest"], one["size"], _part(one["media_type"]))
        for one in release["blobs"]
        if one["digest"] in wanted
    ]
    return sorted(found, key=lambda blob: (blob.part, blob.digest))


def check(source: Source, start: int, blobs: list[Blob], told: list[str], mtime: int) -> Counted:
    """Read every byte behind the header. `told` are the digests of compressed frames."""
    raw = [blob for blob in blobs if blob.part < 2]
    packed = blobs[len(raw) :]
    if len(packed) != len(told):
        raise Refused("carriage.json does not tell the frames of each compressed member")
    spans: list[Span] = []
    for blob in raw:
        ends = itertools.accumulate(
            (frames.encoded_size(length) for length in frames.lengths(blob.length)), initial=start
        )
        spans.append(Span(blob.digest, start, tuple(ends)[1:], None))
        start = spans[-1].frames[-1]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = zip(raw, spans)  # noqa: B905 - Python 3.9 has no `strict`
        list(pool.map(lambda job: _check_raw(source, job[0], job[1].start, mtime), jobs))
    zstd, unchecked = shutil.which("zstd"), []
    for blob, expected in zip(packed, told):  # noqa: B905 - as above
        spans.append(_check_packed(source, blob, start, expected, mtime, zstd))
        start = spans[-1].frames[-1]
        unchecked += [] if zstd else [blob.digest]
    _expect_end(source, start)
    return Counted(spans, start + len(frames.END), tuple(unchecked))


def _part(media_type: str) -> int:
    if media_type in _INDEXES_AND_MANIFESTS or _CONFIG.fullmatch(media_type):
        return 0
    return 2 if _PLAIN.fullmatch(media_type) else 1


class _Content:
    """Takes the content of a member in pieces; header and padding compared, data hashed."""

    def __init__(self, blob: Blob, mtime: int) -> None:
        self._blob = blob
        self._header = frames.tar_header(blob.name, blob.size, mtime)
        self._hasher = hashlib.sha256()
        self._seen = 0

    def take(self, piece: bytes) -> None:
        """The next bytes."""
        start, end = self._seen, frames.TAR + self._blob.size
        self._seen += len(piece)
        if start < frames.TAR and piece[: frames.TAR - start] != self._header[start : self._seen]:
            raise Refused(f"{self._blob.name}: its tar header is wrong")
        if self._seen > end and any(piece[max(0, end - start) :]):
            raise Refused(f"{self._blob.name}: its padding is not zero")
        self._hasher.update(piece[max(0, frames.TAR - start) : max(0, end - start)])

    def finish(self) -> None:
        """All of it was taken."""
        found = "sha256:" + self._hasher.hexdigest()
        if self._seen != self._blob.length or found != self._blob.digest:
            raise Refused(f"{self._blob.name}: its bytes have the digest {found}")


def _check_raw(source: Source, blob: Blob, offset: int, mtime: int) -> None:
    content = _Content(blob, mtime)
    batch: list[tuple[bytes, int]] = []
    for span in frames.spans(blob.length):
        batch.append(span)
        if len(batch) == _STEP:
            offset = _take_batch(source, batch, offset, content, blob)
            batch = []
    _take_batch(source, batch, offset, content, blob)
    content.finish()


def _take_batch(
    source: Source, batch: list[tuple[bytes, int]], offset: int, content: _Content, blob: Blob
) -> int:
    data = source.exactly(offset, sum(len(lead) + size for lead, size in batch), blob.name)
    at = 0
    for lead, size in batch:
        if data[at : at + len(lead)] != lead:
            place = source.place(offset + at)
            raise Refused(f"{blob.name}, {place}: a frame or block header is wrong")
        at += len(lead)
        content.take(data[at : at + size])
        at += size
    return offset + at


def _check_packed(
    source: Source, blob: Blob, offset: int, told: str, mtime: int, zstd: str | None
) -> Span:
    """A compressed member; without zstd only its frames are compared with carriage.json."""
    content, hasher = _Content(blob, mtime), hashlib.sha256()
    start, ends = offset, list[int]()
    for length in frames.lengths(blob.length):
        frame = b"".join(_frame(source, offset, length, blob.name))
        hasher.update(frame)
        offset += len(frame)
        ends.append(offset)
        if zstd:
            content.take(_unpacked(zstd, frame, length, blob.name))
    if "sha256:" + hasher.hexdigest() != told:
        raise Refused(f"{blob.name}: its frames are not those that carriage.json tells")
    if zstd:
        content.finish()
    return Span(blob.digest, start, tuple(ends), told)


def _frame(source: Source, offset: int, length: int, name: str) -> Iterator[bytes]:
    """A compressed frame, found by its block headers."""
    limit = offset + length + length // 256 + 1024
    head = source.exactly(offset, len(frames.COMPRESSED), name)
    if head != frames.COMPRESSED:
        raise Refused(f"{name}, {source.place(offset)}: no frame of a bundle begins here")
    yield head
    offset += len(head)
    last = False
    while not last:
        block = source.exactly(offset, 3, name)
        number = int.from_bytes(block, "little")
        last, kind, size = bool(number & 1), number >> 1 & 3, number >> 3
        if kind == 3 or size > frames.BLOCK:
            raise Refused(f"{name}, {source.place(offset)}: no block begins here")
        size = 1 if kind == 1 else size
        yield block + source.exactly(offset + 3, size, name)
        offset += 3 + size
        if offset > limit:
            raise Refused(f"{name}: a frame is longer than its content could need")


def _unpacked(zstd: str, frame: bytes, length: int, name: str) -> bytes:
    """What a frame holds, if it is `length` bytes: no more than one more is ever read."""
    program = subprocess.Popen(
        [zstd, "-dcq", "--no-check"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with program, ThreadPoolExecutor(1) as feeder:
        feeding = feeder.submit(_feed, program, frame)
        assert program.stdout is not None  # noqa: S101 - it was asked for
        data = program.stdout.read(length + 1)
        if len(data) > length:
            program.kill()
        feeding.result()
    if len(data) != length or program.returncode != 0:
        raise Refused(f"{name}: a frame does not hold the {length} bytes that it should")
    return data


def _feed(program: subprocess.Popen[bytes], frame: bytes) -> None:
    assert program.stdin is not None  # noqa: S101 - it was asked for
    try:
        program.stdin.write(frame)
        program.stdin.close()
    except BrokenPipeError:
        return


def _expect_end(source: Source, offset: int) -> None:
    if source.exactly(offset, len(frames.END), "the end") != frames.END:
        raise Refused(f"{source.place(offset)}: the end of the archive is not what it is")
    if extra := source.size - offset - len(frames.END):
        raise Refused(f"{extra} bytes follow the end of the bundle")
