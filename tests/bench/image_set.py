"""A set of images out of real file trees of this machine, in a registry's data folder.

Layers are tars of the trees, compressed at gzip level 1; seven images share the first layers, as
images built on one another do. A set that is to be bigger repeats them with another last file, so
that every layer has a digest of its own. Made once, kept in the cache.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from airferry_fixtures.images import CONFIG, CREATED, LAYER
from airferry_fixtures.servers.registry import RegistryServer, start_registry
from airferry_foundation.digests import digest as digest_of
from airferry_registry import push
from airferry_registry.client import RegistryClient
from airferry_registry.image_layouts import OciLayout
from airferry_registry.manifests import OCI_MANIFEST
from airferry_registry.settings import RegistrySettings
from airferry_registry.streams import chunks

IMAGES = 7
SHARED = 3
"""How many layers every image has."""

REPOSITORY = "bench"
_TREES = ("/usr/lib", "/usr/share", "/usr/local", "/usr/bin", "/usr/libexec", "/opt")
_LEAST, _MOST = 24 << 20, 400 << 20  # bytes of the files of one layer
_STEP = 1 << 20
_TAR_END = bytes(1024)
_ONCE = 1_500_000_000  # bytes of layers that have a tree of their own
_FORM = 5  # raised when what is made changes


@dataclass(frozen=True, slots=True)
class Blob:
    """A layer or configuration: digest, bytes, and for a layer the digest of its tar."""

    digest: str
    size: int
    diff_id: str = ""


@dataclass(frozen=True)
class ImageSet:
    """Images in the data folder of a registry: names, and the unique blobs that they need."""

    registry: Path
    images: tuple[str, ...]
    blobs: tuple[Blob, ...]

    @property
    def size(self) -> int:
        """D: the bytes of the unique blobs."""
        return sum(blob.size for blob in self.blobs)


def cache_folder() -> Path:
    """Where sets are kept."""
    chosen = os.environ.get("AIRFERRY_CACHE")
    top = Path(chosen) if chosen else Path.home() / ".cache" / "airferry"
    return top / "bench"


def image_set(least: int, *, changed: bool = False) -> ImageSet:
    """A set with at least so many bytes; made if the cache has none.

    `changed` is the same set with one more layer on its last image.
    """
    folder = cache_folder() / f"{_FORM}-{least >> 20}MiB"
    listing = folder / "set.json"
    if not listing.exists():
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, least)
    told = json.loads(listing.read_text("utf-8"))
    images, blobs = told["changed" if changed else "images"], told["blobs"]
    extra = told["extra"] if changed else []
    return ImageSet(
        folder / "registry", tuple(images), tuple(Blob(**blob) for blob in [*blobs, *extra])
    )


def _make(folder: Path, least: int) -> None:
    _say(f"making an image set of at least {least / 1e9:g} GB in {folder}; once, it is kept")
    folder.mkdir(parents=True)
    scratch = folder / "making"
    (scratch / "blobs" / "sha256").mkdir(parents=True)
    layers = _layers(scratch, least)
    with start_registry(folder / "registry") as server:
        images, blobs = _push_images(server, scratch, layers)
        noise = random.Random(4).randbytes(3 << 20)  # noqa: S311 - the same bytes each time
        (nothing := scratch / "nothing").touch()
        empty = _Member(nothing, 0, hashlib.sha256(), hashlib.sha256())
        extra = _end(scratch, empty, "changed", noise)
        changed, more = _push_changed(server, scratch, images[-1], extra)
    shutil.rmtree(scratch)
    told = {
        "images": [f"{REPOSITORY}/app-{n}:1" for n in range(IMAGES)],
        "changed": [*(f"{REPOSITORY}/app-{n}:1" for n in range(IMAGES - 1)), changed],
        "blobs": [asdict(blob) for blob in blobs],
        "extra": [asdict(blob) for blob in more],
    }
    (folder / "set.json").write_text(json.dumps(told, indent=1), "utf-8")


# --- layers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Member:
    """A tree as a gzip member without the end of its tar, and the hashes up to there."""

    path: Path
    size: int
    tar: Any
    layer: Any


def _layers(scratch: Path, least: int) -> list[Blob]:
    """At least `least` bytes of layers: each tree behind as many different ends as it takes."""
    members: list[_Member] = []
    wanted = min(least, _ONCE)
    groups = list(_groups())
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(groups), 4):
            if sum(member.size for member in members) < wanted:
                members += pool.map(lambda one: _pack(scratch, one), groups[start : start + 4])
    if not members:
        raise SystemExit("no file tree of this machine is big enough to make layers of")
    found: list[Blob] = []
    for variant in count():
        for member in members:
            found.append(_end(scratch, member, f"end/{variant}", str(variant).encode()))
            if sum(blob.size for blob in found) >= least:
                return found
    raise AssertionError


def _groups() -> Iterator[list[str]]:
    """Paths that make one layer together: some tens to some hundreds of MB of files."""
    group: list[str] = []
    size = 0
    for path in _paths():
        weight = _weight(path)
        if weight > _MOST:
            continue
        group.append(str(path).lstrip("/"))
        size += weight
        if size >= _LEAST * (1 + len(group) % 5 * 2):  # layers of several sizes
            yield group
            group, size = [], 0


def _paths() -> Iterator[Path]:
    """Files and folders below the trees: folders that are too big for a layer are opened."""
    goroot = os.environ.get("GOROOT")
    for top in (*_TREES, *([goroot] if goroot else []), sys.prefix):
        yield from _opened(Path(top))


def _opened(folder: Path) -> Iterator[Path]:
    if not folder.is_dir() or folder.is_symlink():
        return
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or not os.access(path, os.R_OK):
            continue
        if path.is_dir() and _weight(path) > _MOST // 2:
            yield from _opened(path)
        else:
            yield path


def _weight(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    total = 0
    for top, _, names in os.walk(path):
        for name in names:
            file = Path(top, name)
            total += file.stat().st_size if file.is_file() and not file.is_symlink() else 0
    return total


def _pack(scratch: Path, paths: list[str]) -> _Member:
    """Tar and compress trees."""
    path = scratch / digest_of(" ".join(paths).encode())[7:27]
    command = ["tar", "-c", "-b", "1", "--sort=name", "--mtime=@0", "--ignore-failed-read"]
    command += ["--numeric-owner", "--owner=0", "--group=0", "--warning=none", "-C", "/", "--"]
    coder, tar_hash, layer_hash = zlib.compressobj(1, wbits=31), hashlib.sha256(), hashlib.sha256()
    held = b""
    with (
        path.open("wb") as file,
        subprocess.Popen(
            [*command, *paths], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as tar,
    ):
        assert tar.stdout is not None
        while data := tar.stdout.read(_STEP):
            data, held = (held + data)[: -len(_TAR_END)], (held + data)[-len(_TAR_END) :]
            tar_hash.update(data)
            packed = coder.compress(data)
            layer_hash.update(packed)
            file.write(packed)
        packed = coder.flush()
        layer_hash.update(packed)
        file.write(packed)
    return _Member(path, path.stat().st_size, tar_hash, layer_hash)


def _end(scratch: Path, member: _Member, name: str, data: bytes) -> Blob:
    """A layer: the member, and one more file in a gzip member of its own (RFC 1952, 2.2)."""
    plain = _stamp(name, data) + _TAR_END
    packed = gzip.compress(plain, compresslevel=1, mtime=0)
    tar_hash, layer_hash = member.tar.copy(), member.layer.copy()
    tar_hash.update(plain)
    layer_hash.update(packed)
    path = scratch / "blobs" / "sha256" / str(layer_hash.hexdigest())
    shutil.copyfile(member.path, path)
    with path.open("ab") as file:
        file.write(packed)
    return Blob(
        f"sha256:{layer_hash.hexdigest()}",
        member.size + len(packed),
        f"sha256:{tar_hash.hexdigest()}",
    )


def _stamp(name: str, data: bytes) -> bytes:
    """One file as a tar member."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)


# --- images ---------------------------------------------------------------------------------------


def _push_images(
    server: RegistryServer, scratch: Path, layers: list[Blob]
) -> tuple[list[list[Blob]], list[Blob]]:
    shared, own = layers[:SHARED], layers[SHARED:]
    images = [[*shared, *own[number::IMAGES]] for number in range(IMAGES)]
    unique = {blob.digest: blob for blob in layers}
    for number, stack in enumerate(images):
        for blob in _push_image(server, scratch, f"app-{number}", stack):
            unique[blob.digest] = blob
    return images, list(unique.values())


def _push_changed(
    server: RegistryServer, scratch: Path, stack: list[Blob], extra: Blob
) -> tuple[str, list[Blob]]:
    made = _push_image(server, scratch, f"app-{IMAGES - 1}", [*stack, extra], tag="2")
    return f"{REPOSITORY}/app-{IMAGES - 1}:2", [extra, *made]


def _push_image(
    server: RegistryServer, scratch: Path, name: str, stack: list[Blob], tag: str = "1"
) -> list[Blob]:
    """Push an image; returns its configuration and manifest."""
    client = RegistryClient(RegistrySettings(server.address, plain_http=True))
    repository = f"{REPOSITORY}/{name}"
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": CREATED,
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [blob.diff_id for blob in stack]},
        }
    )
    told = Blob(digest_of(config), len(config))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _named(told, CONFIG),
            "layers": [_named(blob, f"{LAYER}+gzip") for blob in stack],
        }
    )
    layout = OciLayout(scratch)
    others = [f"{REPOSITORY}/app-0"]
    for blob in stack:
        with layout.open(blob.digest) as reader:
            push.mount_or_push(
                client, repository, blob.digest, blob.size, chunks(reader), mount_from=others
            )
    push.mount_or_push(client, repository, told.digest, told.size, [config])
    client.put_manifest(repository, tag, manifest, OCI_MANIFEST)
    return [told, Blob(digest_of(manifest), len(manifest))]


def _named(blob: Blob, kind: str) -> dict[str, Any]:
    return {"mediaType": kind, "digest": blob.digest, "size": blob.size}


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")
