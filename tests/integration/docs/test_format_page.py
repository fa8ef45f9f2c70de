"""A reader written from docs/reference/format.md alone, and the page's numbers held to the code.

The reader uses nothing of ours: the standard library, `cryptography` for ECDSA, `zstandard`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airferry_archive import frames, header, volumes
from airferry_fixtures.simulator import bundle_of, forged, small_product
from airferry_fixtures.statements import Vendor, channel_of
from airferry_foundation import documents
from airferry_signing import roots, sigstore_bundle
from airferry_signing.signature_files import MAX_SIGNATURES

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "format.md").read_text()

# --- the reader -----------------------------------------------------------------------------------

MANIFESTS = re.compile(
    r"application/vnd\.(oci\.image\.(manifest|index)\.v1|docker\.distribution\.manifest\.(list\.)?v2)"
    r"\+json"
)
CONFIG, COMPRESSED = (re.compile(one) for one in re.findall(r"matches\s+`([^`]+)`", PAGE))


class Refused(Exception):  # noqa: N818 - a reader's answer
    """The file is not a bundle by the page."""


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise Refused(what)


def sha(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def tar_header(name: str, size: int, mtime: int) -> bytes:
    fields = (
        name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2
        + b"%011o\0%011o\0" % (size, mtime) + b" " * 8 + b"0" + bytes(100) + b"ustar\x0000"
    ).ljust(512, b"\0")  # fmt: skip
    return fields[:148] + b"%06o\0 " % sum(fields) + fields[156:]


def raw(content: bytes) -> bytes:
    out = b""
    for start in range(0, len(content), 67108864):
        frame = content[start : start + 67108864]
        out += bytes.fromhex("28b52ffd8038") + len(frame).to_bytes(4, "little")
        for at in range(0, len(frame), 131072):
            block = frame[at : at + 131072]
            last = at + len(block) == len(frame)
            out += (last + 8 * len(block)).to_bytes(3, "little") + block
    return out


def member(name: str, data: bytes, mtime: int) -> bytes:
    return tar_header(name, len(data), mtime) + data + bytes(-len(data) % 512)


def canonical(data: bytes) -> Any:
    plain = json.loads(data)
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    expect(text.encode() == data, "not canonical")
    return plain


def signers(document: bytes, signatures: list[bytes], keys: dict[str, str]) -> set[str]:
    found = set()
    for signature in signatures:
        bundle = json.loads(signature)["messageSignature"]
        expect(base64.b64decode(bundle["messageDigest"]["digest"]) == hashlib.sha256(
            document).digest(), "about other bytes")  # fmt: skip
        for key_id, pem in keys.items():
            key = serialization.load_pem_public_key(pem.encode())
            assert isinstance(key, ec.EllipticCurvePublicKey)
            try:
                key.verify(
                    base64.b64decode(bundle["signature"]), document, ec.ECDSA(hashes.SHA256())
                )
                found.add(key_id)
            except InvalidSignature:
                continue
    return found


class Reader:
    """The whole file, by the page."""

    def __init__(self, data: bytes, fingerprint: str) -> None:
        self.data, self.at, self.files = data, 0, dict[str, bytes]()
        while "index.json" not in self.files:
            self._file()
        release = canonical(self.files["release.json"])
        issued = datetime.fromisoformat(release["issued_at"])
        expect(self.mtime == int(issued.timestamp()), "another time")
        self._trust(fingerprint)
        for name, listed in release["members"].items():
            found = (sha(self.files[name]), len(self.files[name]))
            expect(found == (listed["digest"], listed["size"]), name)
        self._blobs(release)

    def _file(self) -> None:
        size = int(self.data[self.at + 13 + 124 : self.at + 13 + 135], 8)
        name = self.data[self.at + 13 : self.at + 113].rstrip(b"\0").decode()
        self.mtime = int(self.data[self.at + 13 + 136 : self.at + 13 + 147], 8)
        length = 512 + size + -size % 512
        stored = raw(bytes(length))
        found = self.data[self.at : self.at + len(stored)]
        content = zstandard.ZstdDecompressor().decompressobj().decompress(found)
        data = content[512 : 512 + size]
        expect(raw(member(name, data, self.mtime)) == found, name)
        self.files[name] = data
        self.at += len(stored)

    def signatures(self, name: str) -> list[bytes]:
        names = (f"{name}.{number}.sigstore.json" for number in count(1))
        found = []
        for one in names:
            if one not in self.files:
                return found
            found.append(self.files[one])
        return found

    def _trust(self, fingerprint: str) -> None:
        known: dict[str, Any] | None = None
        for name in [one for one in self.files if re.fullmatch(r"roots/\d+\.json", one)]:
            root = canonical(self.files[name])
            if known is None:
                expect(sha(self.files[name]) == fingerprint, "another root")
            for judge in (known, root) if known else ():
                self._accept(name, self.signatures(name), "root", judge)
            known = root
        expect(known is not None, "no root")
        release = "signatures/release.json"
        self._accept("release.json", self.signatures(release), "release", known)
        if "channel.json" in self.files:
            self._accept("channel.json", self.signatures("channel.json"), "channel", known)

    def _accept(self, name: str, signatures: list[bytes], role: str, root: Any) -> None:
        part = root["roles"][role]
        keys = {key_id: root["keys"][key_id] for key_id in part["keys"]}
        expect(len(signers(self.files[name], signatures, keys)) >= part["threshold"], name)

    def _blobs(self, release: Any) -> None:
        carriage = canonical(self.files["carriage.json"])
        expect(carriage["release"] == sha(self.files["release.json"]), "carriage")
        known = {blob["digest"]: blob for blob in release["blobs"]}
        placed = sorted(carriage["blobs"], key=lambda one: (*place(known[one]), one))
        digests = iter(carriage.get("compressed", []))
        sums = [(sha(data)[7:], name) for name, data in self.files.items() if name != "SHA256SUMS"]
        sums += [(one[7:], f"blobs/sha256/{one[7:]}") for one in placed]
        listed = "".join(f"{hexes}  {name}\n" for hexes, name in sums).encode()
        expect(self.files["SHA256SUMS"] == listed, "SHA256SUMS")
        for digest in placed:
            length = 512 + known[digest]["size"] + -known[digest]["size"] % 512
            is_raw = not place(known[digest])[0]
            self._blob(digest, known[digest], length, None if is_raw else next(digests))
        expect(self.data[self.at :] == raw(bytes(1024)), "the end")

    def _blob(self, digest: str, blob: Any, length: int, stored: str | None) -> None:
        end = self.at + len(raw(bytes(length))) if stored is None else self._walk()
        coder = zstandard.ZstdDecompressor().decompressobj()
        data = coder.decompress(self.data[self.at : end])[512 : 512 + blob["size"]]
        expect(sha(data) == digest, digest)
        whole = member(f"blobs/sha256/{digest[7:]}", data, self.mtime)
        if stored is None:
            expect(self.data[self.at : end] == raw(whole), digest)
        else:
            expect(sha(self.data[self.at : end]) == stored, digest)
        self.at = end

    def _walk(self) -> int:
        """Where a compressed frame ends (none of this test's is longer than 64 MiB)."""
        expect(self.data[self.at : self.at + 6].hex() == "28b52ffd0068", "a frame")
        at, last = self.at + 6, False
        while not last:
            head = int.from_bytes(self.data[at : at + 3], "little")
            last, kind, size = bool(head & 1), head >> 1 & 3, head >> 3
            expect(kind < 3 and size <= 131072, "a block")
            at += 3 + (1 if kind == 1 else size)
        return at


def place(blob: Any) -> tuple[bool, bool]:
    kind = blob["media_type"]
    description = bool(MANIFESTS.fullmatch(kind) or CONFIG.fullmatch(kind))
    compressed = not description and bool(COMPRESSED.fullmatch(kind))
    return compressed, not description


# --- what it shows --------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, str]:
    vendor = Vendor()
    vendor.rotate(vendor.keys)
    bundle = bundle_of(tmp_path / "b.tar.zst", vendor, small_product(), channel=channel_of())
    return bundle, sha(vendor.roots[1].document)


def test_a_reader_written_from_the_page_reads_what_we_write(made: tuple[Path, str]) -> None:
    bundle, fingerprint = made
    assert Reader(bundle.read_bytes(), fingerprint).at


def test_it_refuses_what_the_page_refuses(made: tuple[Path, str]) -> None:
    bundle, fingerprint = made
    size = bundle.stat().st_size
    with pytest.raises(Refused):
        Reader(bundle.read_bytes(), sha(b"another"))
    with pytest.raises(Refused):
        Reader(bundle.read_bytes() + b"\0", fingerprint)
    for at in range(0, size, size // 60):
        flipped = forged(bundle, at, bytes([bundle.read_bytes()[at] ^ 1])).read_bytes()
        with pytest.raises((Refused, ValueError, KeyError, zstandard.ZstdError)):
            Reader(flipped, fingerprint)


def test_the_caps_of_the_page_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)`.*\| (\d+) \|$", PAGE, re.MULTILINE))
    names = {
        name.replace("<n>", "1").replace("<number>", "1"): int(cap) for name, cap in rows.items()
    }
    assert len(names) == 9
    assert names == {name: header.cap_of(name) for name in names}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("integers\nfrom 0 to {}", documents.MAX_INTEGER),
        ("Nesting is at most {} deep", documents.MAX_DEPTH),
        ("frames of {} bytes (64 MiB)", frames.FRAME),
        ("raw blocks of {} bytes", frames.BLOCK),
        ("at most {}, each followed", roots.MAX_ROOTS),
        ("n from 1 without a gap, at most {}", MAX_SIGNATURES),
        ("together have at most {} bytes", header.MAX_HEADER),
        ("JSON of at most {} bytes", sigstore_bundle.MAX_BYTES),
        ("Trailers have at most {} bytes", volumes.MAX_TRAILER),
        ("a set has at most {} volumes", volumes.MAX_VOLUMES),
        ("`28 b5 2f fd`", None),
        ("`AFV1`", None),
    ],
)
def test_the_numbers_of_the_page_are_those_of_the_code(text: str, value: int | None) -> None:
    assert text.format(value) in PAGE
