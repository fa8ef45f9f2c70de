"""What is in an image: CycloneDX and SPDX by syft, made the same each time.

syft gives each run another serial number, namespace and time; here they follow from the image. So
an SBOM depends on the image and on syft's version alone: it is kept by image digest, and a release
that changes one image carries one new SBOM.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airferry_foundation import files, process, programs
from airferry_foundation.digests import hex_of
from airferry_foundation.errors import ProgramFailedError

MAX_BYTES = 64 << 20
_TIMEOUT = 1800  # seconds; an image of some GB takes a minute or two
_NAMESPACE = uuid.UUID("8f0c7b1e-3f0b-5a53-9c1d-2f4f0f7b6a11")
FORMATS = ("cyclonedx-json", "spdx-json")
ENDINGS = {"cyclonedx-json": ".cdx.json", "spdx-json": ".spdx.json"}


@dataclass(frozen=True, slots=True)
class Subject:
    """One image of one platform: its name, the digest of its manifest, when it was made."""

    name: str
    digest: str
    created: str


@dataclass(frozen=True, slots=True)
class Syft:
    """A syft that was found."""

    path: Path

    @property
    def version(self) -> str:
        """`1.18.1`."""
        return ".".join(map(str, programs.version_of("syft", self.path) or ()))

    def scan(self, layout: Path, subject: Subject) -> dict[str, bytes]:
        """The SBOMs, by format, of the only image in an OCI layout folder."""
        with files.scratch_folder() as folder:
            command: list[str | Path] = [self.path, "scan", f"oci-dir:{layout}", "--quiet"]
            command += ["--source-name", subject.name, "--source-version", subject.digest]
            for one in FORMATS:
                command += ["--output", f"{one}={folder / one}"]
            done = process.run(
                command,
                environment={"SYFT_CHECK_FOR_APP_UPDATE": "false"},
                timeout=_TIMEOUT,
                folder=folder,  # no .syft.yaml of whatever folder we stand in
            )
            if done.code != 0:
                raise ProgramFailedError(
                    f"syft can't read {subject.name} ({subject.digest}): {done.complaint}",
                    "Turn `evidence: {sbom: …}` off, or take another image.",
                )
            return {
                one: normal(files.read_capped(folder / one, MAX_BYTES), one, subject)
                for one in FORMATS
            }


def find() -> Syft:
    """The syft on PATH or in the cache; ProgramMissingError if there is none that fits."""
    return Syft(programs.find("syft"))


def normal(data: bytes, form: str, subject: Subject) -> bytes:
    """An SBOM of syft's with ids and times that follow from the image, and lists in order."""
    content = json.loads(data)
    if form == "cyclonedx-json":
        content["serialNumber"] = f"urn:uuid:{identifier(form, subject.digest)}"
        content["metadata"]["timestamp"] = subject.created
        _order(content, ("components", "dependencies"))
    else:
        content["documentNamespace"] = namespace(subject.digest)
        content["creationInfo"]["created"] = subject.created
        _order(content, ("packages", "files", "relationships", "hasExtractedLicensingInfos"))
    return encode(content)


def identifier(form: str, digest: str) -> uuid.UUID:
    """The id of a document about a digest."""
    return uuid.uuid5(_NAMESPACE, f"{form} {digest}")


def namespace(digest: str) -> str:
    """The SPDX namespace of a document about a digest: it need not be an address that answers."""
    return f"https://spdx.org/spdxdocs/airferry/{hex_of(digest)}/{identifier('spdx', digest)}"


def encode(content: Mapping[str, Any]) -> bytes:
    """JSON, always the same."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"


def _order(content: dict[str, Any], lists: tuple[str, ...]) -> None:
    for name in lists:
        if name in content:
            content[name] = sorted(content[name], key=encode)
