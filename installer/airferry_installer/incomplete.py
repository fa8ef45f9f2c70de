"""What happens where a delta and the registry together lack something: it is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from airferry_archive.receipts import Need
from airferry_archive.release import Blob, Release
from airferry_foundation import documents, files
from airferry_foundation.errors import RegistryMissingError
from airferry_installer.state import StateFolder

FILE_NAME = "need.json"
_LISTED = 20


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A release of which some blobs are neither in the file nor in the registry at `origin`."""

    release: Release
    digest: str
    origin: str
    lacking: Sequence[Blob]

    @property
    def need(self) -> Need:
        """What the vendor's `build --only` takes."""
        return Need(
            schema="airferry.need/v1",
            product=self.release.product,
            version=self.release.version,
            release=self.digest,
            blobs=tuple(sorted(blob.digest for blob in self.lacking)),
        )

    def error(self, need: Path) -> RegistryMissingError:
        """What a person is told; `need` is the file that lists it."""
        listed = "\n".join(f"  {blob.digest}  {blob.size} bytes" for blob in self.lacking[:_LISTED])
        more = len(self.lacking) - _LISTED
        listed += f"\n  and {more} more" if more > 0 else ""
        size = sum(blob.size for blob in self.lacking)
        return RegistryMissingError(
            f"{len(self.lacking)} blobs ({size:,} bytes) of {self.release.product} "
            f"{self.release.version} are neither in the file nor in the registry {self.origin}; "
            f"nothing was tagged:\n{listed}",
            f"Carry {need} to the vendor: `airferry-bundler build --only {need.name}` makes a "
            "file with just these. Then load that one.",
        )


def record(state: StateFolder, incomplete: Incomplete, need_to: Path | None) -> Path:
    """Write need.json, to a file or folder or into the state folder, and journal it; its path."""
    path = need_to or state.folder / FILE_NAME
    path = path / FILE_NAME if path.is_dir() else path
    files.write_atomic(path, documents.encode(incomplete.need))
    state.journal.append(
        "load incomplete",
        release=incomplete.digest,
        product=incomplete.release.product,
        version=incomplete.release.version,
        registry=incomplete.origin,
        lacking=len(incomplete.lacking),
    )
    return path
