"""Packs charts, always to the same bytes: sorted USTAR in gzip stored blocks that we write.

`helm package` and zlib differ from run to run and from build to build, so neither makes our
digests. Sources: POSIX pax "ustar Interchange Format"; RFC 1952 (gzip), RFC 1951 3.2.4 (stored).
"""

from __future__ import annotations

import fnmatch
import io
import struct
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import yaml

from airferry_foundation import files
from airferry_foundation.errors import ChartError, MissingInputError

MAX_FILE = 16 << 20
MAX_PACKAGE = 64 << 20
_STORED = 65_535  # the most that one stored block may hold


def pack_chart(folder: Path) -> bytes:
    """The .tgz of a chart folder; obeys `.helmignore` as Helm does.

    ChartError: no Chart.yaml, no name in it, a link out of the folder, too large.
    """
    contents = read_folder(folder)
    name = _name_of(contents.get("Chart.yaml"), folder)
    return pack_files({f"{name}/{path}": data for path, data in contents.items()})


def pack_files(contents: Mapping[str, bytes]) -> bytes:
    """A .tar.gz of path to bytes: sorted, mode 0644, owner 0, time 0."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(contents):
            member = tarfile.TarInfo(path)
            member.size = len(contents[path])
            member.mode = 0o644
            try:
                archive.addfile(member, io.BytesIO(contents[path]))
            except ValueError:
                raise ChartError(f"{path}: the path is too long for a tar file") from None
    return _gzip_stored(buffer.getvalue())


def _gzip_stored(data: bytes) -> bytes:
    parts = [b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"]
    starts = range(0, len(data), _STORED)
    for start in starts:
        block = data[start : start + _STORED]
        last = start == starts[-1]
        parts += [struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block]
    parts.append(struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF))
    return b"".join(parts)


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a chart folder by path inside it, without what `.helmignore` names."""
    if not folder.is_dir():
        raise MissingInputError(f"{folder} is not a folder", "Name the folder of Chart.yaml.")
    ignored = _Ignored.of(folder / ".helmignore")
    contents: dict[str, bytes] = {}
    for path in sorted(_walk(folder, folder, ignored)):
        contents[path.relative_to(folder).as_posix()] = files.read_capped(path, MAX_FILE)
    if sum(map(len, contents.values())) > MAX_PACKAGE:
        raise ChartError(f"{folder} has more than {MAX_PACKAGE} bytes", "Add a .helmignore.")
    return contents


def _walk(folder: Path, top: Path, ignored: _Ignored) -> Iterator[Path]:
    for path in folder.iterdir():
        if ignored.holds(path.relative_to(top).as_posix(), is_folder=path.is_dir()):
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(top.resolve()):
            raise ChartError(f"{path} is a link that leads out of the chart", "Copy the file in.")
        if path.is_dir():
            yield from _walk(path, top, ignored)
        else:
            yield path


class _Ignored:
    """The rules of a .helmignore file (helm.sh/helm/v4/internal/ignore)."""

    def __init__(self, rules: tuple[str, ...]) -> None:
        self._rules = rules

    @classmethod
    def of(cls, path: Path) -> _Ignored:
        """Read the rules; none where there is no file."""
        text = files.read_capped(path, 1 << 20).decode(errors="replace") if path.exists() else ""
        lines = (line.strip() for line in text.splitlines())
        rules = tuple(line for line in lines if line and not line.startswith("#"))
        return cls((*rules, "templates/.?*"))  # Helm's own default

    def holds(self, path: str, *, is_folder: bool) -> bool:
        """Whether a path is left out; `!` rules take away from what follows them, as in Helm."""
        if PurePosixPath(path).name.startswith("._"):  # what macOS leaves behind
            return True
        for rule in self._rules:
            negated = rule.startswith("!")
            pattern = rule.lstrip("!")
            fits = is_folder or not pattern.endswith("/")
            if (fits and _matches(pattern.rstrip("/"), path)) != negated:
                return True
        return False


def _matches(pattern: str, path: str) -> bool:
    if "/" not in pattern:
        return fnmatch.fnmatchcase(PurePosixPath(path).name, pattern)
    wanted, found = pattern.lstrip("/").split("/"), path.split("/")
    pairs = zip(found, wanted, strict=False)
    return len(wanted) == len(found) and all(fnmatch.fnmatchcase(f, w) for f, w in pairs)


def _name_of(chart_file: bytes | None, folder: Path) -> str:
    if chart_file is None:
        raise ChartError(f"{folder} holds no Chart.yaml", "Name the folder of a Helm chart.")
    try:
        content = yaml.safe_load(chart_file)
    except yaml.YAMLError as error:
        raise ChartError(f"{folder}/Chart.yaml is not YAML: {error}") from None
    name = content.get("name") if isinstance(content, dict) else None
    if not isinstance(name, str) or not name or "/" in name:
        raise ChartError(f"{folder}/Chart.yaml has no name")
    return name


def unpack(package: bytes, *, name: str) -> dict[str, bytes]:
    """The files of a .tgz by path; nothing is written, links and devices are refused, sizes capped.

    `name` stands in messages. ChartError: not a gzip'd tar, or more than MAX_PACKAGE in it.
    """
    contents: dict[str, bytes] = {}
    left = MAX_PACKAGE
    try:
        with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
            for member in archive:
                left -= member.size
                if left < 0:
                    raise ChartError(f"{name} unpacks to more than {MAX_PACKAGE} bytes")
                file = archive.extractfile(member) if member.isreg() else None
                if file is not None:
                    contents[member.name.removeprefix("./")] = file.read()
                elif not member.isdir():
                    raise ChartError(f"{name}: {member.name[:100]!r} is no plain file")
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ChartError(f"{name} is not a chart package (.tgz): {error}") from None
    return contents
