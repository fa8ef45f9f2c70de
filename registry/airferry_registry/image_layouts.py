"""Images on disk as sources of blobs: OCI image layouts, and tars that `docker save` wrote.

Source: OCI image-spec 1.1, image-layout.md; moby, "docker save" format 1.2 (manifest.json).
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from airferry_foundation import files
from airferry_foundation.digests import digest as digest_bytes
from airferry_foundation.digests import hex_of
from airferry_foundation.errors import InputError, MissingInputError, RegistryMismatchError
from airferry_registry import manifests
from airferry_registry.manifests import OCI_MANIFEST, REF_NAME, Descriptor, Index, StoredManifest
from airferry_registry.references import parse as parse_reference
from airferry_registry.streams import BUFFER, Readable

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
_COMPRESSED = {b"\x1f\x8b": f"{LAYER_TAR}+gzip", b"\x28\xb5": f"{LAYER_TAR}+zstd"}
_BLOB_PATH = re.compile(r"blobs/sha256/([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class OciLayout:
    """An OCI image layout in a folder."""

    path: Path

    def index(self) -> Index:
        """What index.json lists."""
        file = self.path / "index.json"
        found = manifests.parse(
            files.read_capped(file, manifests.MAX_BYTES), manifests.OCI_INDEX, name=str(file)
        )
        return cast(Index, found)

    def resolve(self, ref_name: str = "") -> Descriptor:
        """The manifest or index of that name; '' means the only one there is."""
        found = [child.descriptor for child in self.index().children]
        named = [one for one in found if one.annotations.get(REF_NAME, "") == ref_name]
        fitting = named if ref_name else found
        if len({one.digest for one in fitting}) == 1:
            return fitting[0]
        names = sorted(one.annotations.get(REF_NAME, one.digest) for one in found)
        raise MissingInputError(
            f"{self.path} holds {len(fitting)} images called {ref_name or 'anything'!r}",
            f"Name one of: {', '.join(names) or '(it is empty)'}",
        )

    def named(self, ref_name: str) -> StoredManifest | None:
        """The manifest of exactly that name, None if there is none."""
        for child in self.index().children:
            if child.descriptor.annotations.get(REF_NAME) == ref_name:
                return self.manifest(child.descriptor)
        return None

    def referrers(self, subject: str) -> tuple[StoredManifest, ...]:
        """The manifests that index.json lists whose subject is this digest."""
        found: dict[str, StoredManifest] = {}
        for child in self.index().children:
            if child.descriptor.media_type in manifests.MANIFESTS:
                stored = self.manifest(child.descriptor)
                parsed = stored.parse()
                if isinstance(parsed, manifests.Manifest) and parsed.subject == subject:
                    found[stored.digest] = stored
        return tuple(found.values())

    def read(self, digest: str, cap: int = manifests.MAX_BYTES) -> bytes:
        """A small blob, verified."""
        data = files.read_capped(self._blob(digest), cap)
        if digest_bytes(data) != digest:
            raise RegistryMismatchError(
                f"{self._blob(digest)} has digest {digest_bytes(data)}, not that of its name",
                "The layout is damaged; make it anew.",
            )
        return data

    def manifest(self, descriptor: Descriptor) -> StoredManifest:
        """The manifest or index that a descriptor names."""
        return StoredManifest(
            self.read(descriptor.digest), descriptor.media_type, descriptor.digest
        )

    def has(self, digest: str) -> bool:
        """Whether the blob is there."""
        return self._blob(digest).exists()

    @contextmanager
    def open(self, digest: str, offset: int = 0) -> Iterator[Readable]:
        """A blob's bytes from `offset` on, unverified."""
        path = self._blob(digest)
        with files.media_errors(path), path.open("rb", buffering=0) as file:
            file.seek(offset)
            yield file

    def _blob(self, digest: str) -> Path:
        return self.path / "blobs" / "sha256" / hex_of(digest)


class _Saved(msgspec.Struct, frozen=True, rename="pascal"):
    config: str
    layers: tuple[str, ...]
    repo_tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Member:
    """Where a member's bytes are in the tar."""

    start: int
    size: int


@dataclass(frozen=True)
class DockerArchive:
    """A tar that `docker save` wrote. It holds no OCI manifest: one is made, always the same."""

    path: Path

    def names(self) -> tuple[str, ...]:
        """The tags that it says its images have, in full."""
        tags = [tag for saved in self._saved for tag in saved.repo_tags or ()]
        return tuple(str(parse_reference(tag)) for tag in tags)

    def resolve(self, ref_name: str = "") -> StoredManifest:
        """The manifest of the image of that name; '' means the only one there is."""
        wanted = str(parse_reference(ref_name)) if ref_name else ""
        fitting = [
            saved
            for saved in self._saved
            if not wanted or wanted in {str(parse_reference(tag)) for tag in saved.repo_tags or ()}
        ]
        if len(fitting) != 1:
            raise MissingInputError(
                f"{self.path} holds {len(fitting)} images called {ref_name or 'anything'!r}",
                f"Name one of: {', '.join(self.names()) or '(none has a name)'}",
            )
        return self._manifest_of(fitting[0])

    def read(self, digest: str, cap: int = manifests.MAX_BYTES) -> bytes:
        """A small blob, verified."""
        _, member = self._blob(digest)
        return self._read(member, cap)

    @contextmanager
    def open(self, digest: str, offset: int = 0) -> Iterator[Readable]:
        """A blob's bytes from `offset` on."""
        _, member = self._blob(digest)
        with files.media_errors(self.path), self.path.open("rb", buffering=0) as file:
            file.seek(member.start + offset)
            yield _Part(file, max(member.size - offset, 0))

    @cached_property
    def _members(self) -> dict[str, _Member]:
        found: dict[str, _Member] = {}
        links: dict[str, str] = {}
        try:
            with files.media_errors(self.path), tarfile.open(self.path, "r:") as tar:
                for info in tar:
                    if info.isreg():
                        found[info.name] = _Member(info.offset_data, info.size)
                    elif info.issym():
                        links[info.name] = _joined(info.name, info.linkname)
        except tarfile.TarError as error:
            raise InputError(f"{self.path} is not a tar of `docker save`: {error}") from None
        return found | {name: found[to] for name, to in links.items() if to in found}

    @cached_property
    def _saved(self) -> tuple[_Saved, ...]:
        data = self._read(self._member("manifest.json"), manifests.MAX_BYTES)
        try:
            return msgspec.json.decode(data, type=tuple[_Saved, ...])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InputError(f"{self.path}: manifest.json can't be read: {error}") from None

    @cached_property
    def _blobs(self) -> dict[str, tuple[Descriptor, _Member]]:
        """Every config and layer by its digest: one read of the file."""
        blobs: dict[str, tuple[Descriptor, _Member]] = {}
        for saved in self._saved:
            for name in (saved.config, *saved.layers):
                kind = CONFIG if name == saved.config else ""
                descriptor = self._describe(name, kind)
                blobs[descriptor.digest] = (descriptor, self._member(name))
        return blobs

    @cached_property
    def _descriptors(self) -> dict[str, Descriptor]:
        return {}

    def _describe(self, name: str, kind: str) -> Descriptor:
        if name in self._descriptors:
            return self._descriptors[name]
        member = self._member(name)
        hasher = hashlib.sha256()
        buffer = memoryview(bytearray(BUFFER))
        head = b""
        with files.media_errors(self.path), self.path.open("rb", buffering=0) as file:
            file.seek(member.start)
            part = _Part(file, member.size)
            while count := part.readinto(buffer):
                head = head or bytes(buffer[:2])
                hasher.update(buffer[:count])
        digest = "sha256:" + hasher.hexdigest()
        said = _BLOB_PATH.fullmatch(name)
        if said and digest != f"sha256:{said[1]}":
            raise RegistryMismatchError(f"{self.path}: {name} has digest {digest}")
        kind = kind or _COMPRESSED.get(head, LAYER_TAR)
        return self._descriptors.setdefault(name, Descriptor(digest, member.size, kind))

    def _manifest_of(self, saved: _Saved) -> StoredManifest:
        content: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _plain(self._describe(saved.config, CONFIG)),
            "layers": [_plain(self._describe(name, "")) for name in saved.layers],
        }
        data = msgspec.json.encode(content, order="sorted")
        return StoredManifest(data, OCI_MANIFEST, digest_bytes(data))

    def _member(self, name: str) -> _Member:
        try:
            return self._members[name]
        except KeyError:
            raise InputError(
                f"{self.path} has no member {name!r}", "Expected a tar that `docker save` wrote."
            ) from None

    def _blob(self, digest: str) -> tuple[Descriptor, _Member]:
        try:
            return self._blobs[digest]
        except KeyError:
            raise MissingInputError(f"{self.path} has no blob {digest}") from None

    def _read(self, member: _Member, cap: int) -> bytes:
        if member.size > cap:
            raise InputError(f"{self.path}: a member has more than {cap} bytes")
        with files.media_errors(self.path), self.path.open("rb") as file:
            file.seek(member.start)
            return file.read(member.size)


class _Part:
    """A stretch of a file as a Readable."""

    def __init__(self, file: IO[bytes], length: int) -> None:
        self._file = cast(Any, file)
        self._left = length

    def readinto(self, buffer: memoryview, /) -> int:
        count = int(self._file.readinto(buffer[: self._left]) or 0)
        self._left -= count
        return count


def _plain(descriptor: Descriptor) -> dict[str, Any]:
    return {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }


def _joined(name: str, link: str) -> str:
    """A symbolic link's target inside the tar, as older `docker save` uses them for layers."""
    parts: list[str] = []
    for part in [*name.split("/")[:-1], *link.split("/")]:
        if part == ".." and parts:
            parts.pop()
        elif part not in {"", ".", ".."}:
            parts.append(part)
    return "/".join(parts)
