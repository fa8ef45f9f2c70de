"""Makes sure that programs are there: finds them, or builds what is missing, batch by batch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from provision import debian, golang, npm, wheels
from provision.failures import ProvisionError
from provision.finding import find
from provision.locking import locked
from provision.pins import Pin
from provision.running import Progress


@dataclass(frozen=True, slots=True)
class Provided:
    """One line of the summary: where the program is, or why it is not there."""

    pin: Pin
    path: Path | None
    problem: str = ""
    hint: str = ""


def provide(pins: list[Pin], progress: Callable[[int], Progress] = Progress) -> list[Provided]:
    """Find or build every program; one that fails does not keep the others from being built."""
    missing = [pin for pin in pins if find(pin) is None]
    batches = [list(group) for _, group in groupby(missing, key=lambda pin: pin.batch)]
    shown = progress(len(batches))
    failed: dict[str, ProvisionError] = {}
    for batch in batches:
        try:
            _build(batch, shown)
        except ProvisionError as error:
            shown.end("failed")
            failed |= {pin.name: error for pin in batch}
    return [_outcome(pin, failed.get(pin.name)) for pin in pins]


def _build(batch: list[Pin], progress: Progress) -> None:
    first, more = batch[0], len(batch) - 1
    name = f"{first.name} {first.version}" + (f" and {more} more" if more else "")
    progress.begin(name, sum(pin.seconds for pin in batch))
    with locked(first.batch, progress):
        # Another run may have built them while this one waited.
        if wanted := [pin for pin in batch if find(pin) is None]:
            _bring(wanted, progress)
    progress.end("ready")


def _bring(batch: list[Pin], progress: Progress) -> None:
    if batch[0].how == "go":
        _need_go()
        golang.build(batch, progress)
    elif batch[0].how == "wheel":
        wheels.fetch(batch[0], progress)
    elif batch[0].how == "npm":
        npm.install(batch[0], progress)
    else:
        debian.fetch(batch[0], progress)


def _need_go() -> None:
    if shutil.which("go") is None:
        raise ProvisionError("go is not on PATH", "Install Go 1.26 or newer: https://go.dev/dl/.")


def _outcome(pin: Pin, error: ProvisionError | None) -> Provided:
    path = find(pin)
    if path is not None:
        return Provided(pin, path)
    if error is None:
        error = ProvisionError(
            f"what the package {pin.package} brought is older than {pin.at_least}",
            f"Put {pin.name} {pin.at_least} or newer on PATH.",
        )
    return Provided(pin, None, str(error), error.hint)
