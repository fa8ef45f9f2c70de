"""The files before the blobs: read by their form, then held to the release that is signed."""

from __future__ import annotations

import calendar
import re
import tarfile
import time
from dataclasses import dataclass
from typing import Any

from . import frames
from .documents import canonical, digest, is_digest
from .refusal import Refused
from .source import Source
from .trust import Signed

MAX_HEADER = 16 << 20
_SIGNATURE = r"\.(?:[1-9]|1[0-6])\.sigstore\.json"
_CAPS = (
    (r"release\.json", 5 << 20),
    (rf"signatures/release\.json{_SIGNATURE}", 16 << 10),
    (r"roots/[1-9][0-9]{0,5}\.json", 64 << 10),
    (rf"roots/[1-9][0-9]{{0,5}}\.json{_SIGNATURE}", 16 << 10),
    (r"channel\.json", 1 << 20),
    (rf"channel\.json{_SIGNATURE}", 16 << 10),
    (r"carriage\.json", 4 << 20),
    (r"README\.txt", 4 << 20),
    (r"SHA256SUMS", 5 << 20),
    (r"oci-layout", 1 << 10),
    (r"index\.json", 5 << 20),
)
_LAST = "index.json"
_GENERATED = ("README.txt", "oci-layout", "index.json")


@dataclass(frozen=True)
class Header:
    """The files in their order, the time that all of them have, and where they end."""

    files: dict[str, bytes]
    mtime: int
    end: int

    @property
    def release(self) -> Signed:
        """The release and its signatures."""
        return self._signed("release.json", "signatures/")

    def _signed(self, name: str, folder: str = "") -> Signed:
        names = (f"{folder}{name}.{number}.sigstore.json" for number in range(1, 17))
        return Signed(self.files[name], tuple(self.files[n] for n in names if n in self.files))

    @property
    def roots(self) -> dict[int, Signed]:
        """The roots by number."""
        names = (re.fullmatch(r"roots/([0-9]+)\.json", name) for name in self.files)
        return {int(m[1]): self._signed(m[0]) for m in names if m}

    @property
    def channel(self) -> Signed | None:
        """The channel statement."""
        return self._signed("channel.json") if "channel.json" in self.files else None


def read(source: Source) -> Header:
    """The header of a bundle, every byte as its own names and sizes call for."""
    files: dict[str, bytes] = {}
    mtime, offset = None, 0
    while _LAST not in files:
        info = _peek(source, offset)
        name, size = info.name, info.size
        cap = next((cap for pattern, cap in _CAPS if re.fullmatch(pattern, name)), -1)
        if not 0 <= size <= cap or name in files:
            place = source.place(offset)
            raise Refused(f"{place}: no file {name!r} of {size} bytes belongs here")
        mtime = info.mtime if mtime is None else mtime
        length = frames.encoded_size(frames.member_length(size))
        if offset + length > MAX_HEADER:
            raise Refused(f"the header is longer than {MAX_HEADER} bytes")
        found = source.read(offset, length)
        data = _content(found, size)
        if frames.member(name, data, int(mtime)) != found:
            place = source.place(offset)
            raise Refused(f"{name}, {place}: frame, tar header or padding is wrong")
        files[name] = data
        offset += length
    header = Header(files, int(mtime or 0), offset)
    _expect_order(header)
    return header


def expect_generated(header: Header, release: dict[str, Any], carried: list[str]) -> None:
    """Hold the files that follow from the release to it, and the times of all."""
    for name in _GENERATED:
        listed, data = release["members"].get(name, {}), header.files[name]
        if (listed.get("digest"), listed.get("size")) != (digest(data), len(data)):
            raise Refused(f"{name} is not the one that release.json lists")
    issued = calendar.timegm(time.strptime(release["issued_at"], "%Y-%m-%dT%H:%M:%SZ"))
    if header.mtime != issued:
        raise Refused(f"the times of its members are not {release['issued_at']}")
    lines = [(digest(data), name) for name, data in header.files.items() if name != "SHA256SUMS"]
    lines += [(one, f"blobs/sha256/{one[7:]}") for one in carried]
    sums = "".join(f"{one[7:]}  {name}\n" for one, name in lines)
    if header.files["SHA256SUMS"] != sums.encode():
        raise Refused("SHA256SUMS does not list what the bundle holds")


def read_carriage(header: Header, release: dict[str, Any]) -> dict[str, Any]:
    """What this file carries of the release."""
    carriage = canonical(header.files["carriage.json"], "airferry.carriage/v1", "carriage.json")
    known = {blob["digest"] for blob in release["blobs"]}
    blobs = carriage.get("blobs", [])
    if carriage.get("release") != digest(header.files["release.json"]):
        raise Refused("carriage.json is for another release")
    if len(known) != len(release["blobs"]) or not all(is_digest(one) for one in known):
        raise Refused("release.json lists a blob twice, or what is no digest")
    if blobs != sorted(set(blobs)) or set(blobs) - known:
        raise Refused("carriage.json does not list blobs of the release, once each and in order")
    if carriage.get("kind") not in ("full", "delta"):
        raise Refused("carriage.json says neither full nor delta")
    if carriage["kind"] == "full" and len(blobs) != len(known):
        raise Refused("carriage.json calls the bundle full, but it is not")
    return carriage


def _peek(source: Source, offset: int) -> tarfile.TarInfo:
    lead = len(frames.encode(b"x")) - 1
    start = source.read(offset, lead + frames.TAR)
    try:
        return tarfile.TarInfo.frombuf(start[lead:], "ascii", "strict")
    except (tarfile.HeaderError, ValueError):
        place = source.place(offset)
        raise Refused(f"{place}: no member of a bundle begins here") from None


def _content(encoded: bytes, size: int) -> bytes:
    parts, at = [], 0
    for lead, length in frames.spans(frames.member_length(size)):
        at += len(lead)
        parts.append(encoded[at : at + length])
        at += length
    return b"".join(parts)[frames.TAR :][:size]


def _expect_order(header: Header) -> None:
    files = header.files
    documents = [f"roots/{number}.json" for number in sorted(header.roots)]
    documents += ["channel.json"] if "channel.json" in files else []
    expected = ["release.json", *_signatures(files, "signatures/release.json")]
    for name in documents:
        expected += [name, *_signatures(files, name)]
    expected += ["carriage.json", "README.txt", "SHA256SUMS", "oci-layout", _LAST]
    if list(files) != expected:
        raise Refused("a file of the header is missing, too many or out of place")


def _signatures(files: dict[str, bytes], name: str) -> list[str]:
    """The signatures of a document; they are numbered from 1 without a gap."""
    found = [one for one in files if re.fullmatch(re.escape(name) + _SIGNATURE, one)]
    return [f"{name}.{number}.sigstore.json" for number in range(1, len(found) + 1)]
