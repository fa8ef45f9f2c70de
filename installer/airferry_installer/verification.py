"""`verify`: admission, then every byte of the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airferry_archive.reader import Verified
from airferry_archive.release import Release
from airferry_archive.volume_set import HERE, Media
from airferry_foundation.errors import AirferryError
from airferry_foundation.progress import SILENT, Progress
from airferry_installer import opening
from airferry_installer.admission import Verdict
from airferry_installer.state import StateFolder


@dataclass(frozen=True, slots=True)
class Verification:
    """A bundle of which every byte is accounted for."""

    release: Release
    verdict: Verdict
    counts: Verified


def verify(
    state: StateFolder, file: Path, *, media: Media = HERE, progress: Progress = SILENT
) -> Verification:
    """Admit a bundle and read all of it; journalled. Raises what is wrong with it."""
    with opening.open_judged(state, file, media=media) as opened:
        try:
            opened.reader.expect_volumes(progress)
            counts = opened.reader.verify(progress)
        except AirferryError as error:
            opening.journal_refusal(state, file.name, opened.verdict.digest, error)
            raise
    state.journal.append(
        "verified",
        file=file.name,
        release=opened.verdict.digest,
        blobs=counts.blobs,
        file_bytes=counts.file_bytes,
    )
    return Verification(opened.release, opened.verdict, counts)
