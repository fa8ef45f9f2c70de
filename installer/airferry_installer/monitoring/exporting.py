"""Preview and export: what would leave is made once, shown byte for byte, and only then let go.

`prepare` makes the tar and keeps it as pending; `release` seals exactly that. A stream is moved on
before the file is written: a file that was lost is sealed again from the kept tar (`again`), and
the vendor sees at most a duplicate, never two exports with one number.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec

from airferry_foundation import files
from airferry_foundation.errors import InputError, TelemetryRefusedError
from airferry_installer.monitoring import composing, consent, installed, streams
from airferry_installer.monitoring.consent import Consent
from airferry_installer.monitoring.sampling import sample_now
from airferry_installer.monitoring.streams import Stream
from airferry_installer.state import StateFolder
from airferry_signing import sealing
from airferry_telemetry import envelope
from airferry_telemetry.envelope import Package

KIND = "export"


@dataclass(frozen=True, slots=True)
class Exported:
    """A sealed file, what is in it, and who can open it."""

    path: Path
    package: Package


def environments(state: StateFolder, chosen: str | None) -> tuple[str, ...]:
    """The environment that was chosen, or each where something was ever applied."""
    site = state.site()
    if chosen is not None:
        site.environment(chosen)
        return (chosen,)
    found = tuple(name for name in site.environments if installed.products(state, name))
    if not found:
        raise TelemetryRefusedError(
            "nothing was ever applied from this state folder, so there is nothing to tell",
            "Apply a plan first.",
        )
    return found


def prepare(state: StateFolder, environment: str) -> Package:
    """Make what would be exported now, keep it as pending, and give it back."""
    agreed = consent.demand(state)
    collected, cluster = sample_now(state, environment)
    with state.exclusive():
        stream = streams.current(state, environment, cluster)
        tar = composing.compose(state, stream, agreed, collected)
        streams.write(state, msgspec.structs.replace(stream, pending=state.keep(KIND, tar)))
    return envelope.unpack(tar, name="the export")


def release(state: StateFolder, environment: str, folder: Path) -> Exported:
    """Let go what was previewed (or what is made now, if nothing was), sealed into `folder`."""
    agreed = consent.demand(state)
    stream = streams.read(state, environment)
    if stream is None or stream.pending is None:
        prepare(state, environment)
    with state.exclusive():
        stream = streams.read(state, environment)
        if stream is None or stream.pending is None:
            raise TelemetryRefusedError("somebody else exported just now", "Preview again.")
        package = envelope.unpack(state.kept(KIND, stream.pending), name="the previewed export")
        _refuse_stale(package, agreed, stream)
        files.make_folder(folder)
        after = msgspec.structs.replace(
            stream,
            seq=package.manifest.seq,
            previous=package.digest,
            until=package.manifest.period.end,
            pending=None,
        )
        state.journal.append(
            "telemetry exported",
            environment=environment,
            export=package.digest,
            seq=package.manifest.seq,
            categories=list(package.manifest.categories.enabled),
            recipients=list(package.manifest.recipients),
            by=package.manifest.released_by,
        )
        streams.write(state, after)
        return _seal(package, folder)


def again(state: StateFolder, environment: str, folder: Path) -> Exported:
    """Seal the last export once more: its stick was lost."""
    consent.demand(state)
    stream = streams.read(state, environment)
    if stream is None or stream.previous is None:
        raise InputError(f"nothing was exported of {environment} yet", "Leave --again away.")
    tar = state.kept(KIND, stream.previous)
    state.journal.append(
        "telemetry exported again", environment=environment, export=stream.previous
    )
    files.make_folder(folder)
    return _seal(envelope.unpack(tar, name="the last export"), folder)


def _seal(package: Package, folder: Path) -> Exported:
    sealed = sealing.seal(package.tar, package.manifest.recipients)
    path = folder / f"telemetry-{secrets.token_hex(8)}.tar.age"
    files.write_new(path, sealed)
    return Exported(path, package)


def _refuse_stale(package: Package, agreed: Consent, stream: Stream) -> None:
    manifest = package.manifest
    if manifest.categories.enabled != agreed.leaving or manifest.seq != stream.seq + 1:
        raise TelemetryRefusedError(
            "consent changed since the preview: "
            f"previewed were {', '.join(manifest.categories.enabled)}, "
            f"agreed are {', '.join(agreed.leaving)}",
            "Run `telemetry preview` again, look at it, then export.",
        )
