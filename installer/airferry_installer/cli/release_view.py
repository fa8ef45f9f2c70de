"""How a release and a verdict on it are shown, by each command that opens a bundle."""

from __future__ import annotations

from typing import Any

from airferry_archive.release import Release
from airferry_foundation.console.live import size
from airferry_foundation.console.output import Output
from airferry_installer.admission import Verdict


def show(out: Output, release: Release, verdict: Verdict) -> None:
    """Facts, signers and notes, for people."""
    audience = release.audience
    out.say(f"{release.product} {release.version}", style="bold")
    facts = {
        "release": verdict.digest,
        "issued": release.issued_at,
        "counter": f"{release.release_counter} (epoch {release.epoch})",
        "customers": _listed(audience.customers),
        "environments": _listed(audience.environments),
        "platforms": ", ".join(release.platforms),
        "content": f"{len(release.images)} images, {len(release.charts)} charts, "
        f"{len(release.blobs)} blobs, {size(total(release))}",
    }
    for name, value in facts.items():
        out.say(f"  {name:13} {value}")
    out.say(
        f"signed by {len(verdict.signers)} keys of root {verdict.root_number} "
        f"({verdict.threshold} needed):"
    )
    for signer in sorted(verdict.signers):
        out.say(f"  {signer}")
    for line in verdict.standing.lines() if verdict.standing else ():
        out.say(line)
    for note in verdict.notes:
        out.say(f"note: {note}")


def content(release: Release, verdict: Verdict) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "product": release.product,
        "version": release.version,
        "release": verdict.digest,
        "issued_at": release.issued_at,
        "epoch": release.epoch,
        "counter": release.release_counter,
        "platforms": release.platforms,
        "images": [image.name for image in release.images],
        "charts": [f"{chart.name} {chart.version}" for chart in release.charts],
        "blobs": len(release.blobs),
        "bytes": total(release),
        "root": verdict.root_number,
        "threshold": verdict.threshold,
        "signers": sorted(verdict.signers),
        "channel": verdict.standing.content() if verdict.standing else None,
        "notes": verdict.notes,
    }


def total(release: Release) -> int:
    """The bytes of the release's unique blobs."""
    return sum(blob.size for blob in release.blobs)


def _listed(names: tuple[str, ...] | str) -> str:
    return names if isinstance(names, str) else ", ".join(names)
