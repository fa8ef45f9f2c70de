"""airferry-bundler lock."""

from __future__ import annotations

from pathlib import Path

from airferry_bundler.cli.app import SpecOption, app
from airferry_foundation.console.output import Format, Output, OutputOption


@app.command("lock")
def lock(spec: SpecOption = Path("airferry.yaml"), output: OutputOption = Format.text) -> None:
    """Find every image, pin every digest, and write airferry.lock beside the spec.

    Charts are rendered with real helm, each twice, to find images and fields that are made at
    random; manifests and configurations of images are fetched, no layers. Commit the lock: what is
    released follows from it alone. Set SOURCE_DATE_EPOCH to fix the time of issue.
    """
    from airferry_bundler import locking, spec_file

    out = Output(output)
    found = locking.make(spec_file.read(spec), progress=out.progress)
    path = found.write()
    release = found.lock.release
    out.table(
        ("image", "digest", "platforms"),
        [(i.name, i.digest, " ".join(sorted(i.platforms))) for i in release.images],
    )
    for note in found.notes:
        out.say(f"note: {note}")
    size = sum(blob.size for blob in release.blobs)
    out.say(f"{path}: {len(release.images)} images, {len(release.blobs)} blobs, {size} bytes")
    out.answer(
        {
            "lock": str(path),
            "images": [{"name": i.name, "digest": i.digest} for i in release.images],
            "blobs": len(release.blobs),
            "bytes": size,
            "notes": found.notes,
        }
    )
