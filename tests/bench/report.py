"""Figures as a table on the terminal, and as docs/explanation/performance.md."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from figures import Figures

from airferry_foundation import clock

_ROWS = (
    ("curl down", "four curls to files"),
    ("curl sync", "… and from memory to the disk, which build does too"),
    ("build", "build"),
    ("curl up", "four curl uploads"),
    ("skopeo", "skopeo copy, one image after another"),
    ("load", "load"),
    ("reload", "load again, all is there"),
    ("inspect", "inspect"),
    ("sha256sum", "sha256sum, a process a core"),
    ("verify", "verify"),
    ("delta", "build --without, one layer changed"),
    ("fixed build", "build of almost nothing"),
    ("fixed load", "load of almost nothing"),
    ("big curl down", "6 GB: four curls to files"),
    ("big curl sync", "6 GB: … and from memory to the disk"),
    ("big build", "6 GB: build"),
    ("big curl up", "6 GB: four curl uploads"),
    ("big load", "6 GB: load"),
    ("big inspect", "6 GB: inspect"),
    ("big verify", "6 GB: verify"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """One promise of the design: what was found, in words what is promised, whether it holds."""

    work: str
    found: str
    promised: str
    holds: bool


def say(text: str) -> None:
    """Tell how far it is."""
    sys.stderr.write(f"bench: {text}\n")


def missed(figures: Figures) -> list[Target]:
    """The promises that were not kept."""
    return [target for target in targets(figures) if not target.holds]


def targets(figures: Figures) -> Iterator[Target]:
    """Every promise."""
    told = figures.result()
    build, load, verify = told["build"], told["load"], told["verify"]
    yield _most("build, wall over four curls", build["wall_ratio"], 1.2)
    yield _most("build, written over D", build["written_per_D"], 1.01)
    yield _most("build, temporary over D", build["temporary_per_D"], 0.0)
    yield _most("load, wall over four curl uploads", load["wall_ratio"], 1.2)
    yield _most("load, read over D", load["read_per_D"], 1.01)
    yield _most("load, temporary over D", load["temporary_per_D"], 0.0)
    yield _most("load again, seconds", told["reload"]["seconds"], 1)
    yield _most("load again, blob bytes sent", told["reload"]["blob_bytes"], 0)
    yield _most("resident MB, at any size", told["resident_mb"], 120)
    yield _most("inspect, seconds", told["inspect"]["seconds"], 0.3)
    yield _most("inspect, MB read", told["inspect"]["read_mb"], 8)
    ratio = verify["ratio"]
    yield Target("verify, speed over sha256sum", f"{ratio:g}", "at least 0.8", ratio >= 0.8)
    yield _most("delta, MB beside the changed layer", told["delta"]["extra_mb"], 1)
    yield _most("fixed cost of build, seconds", figures.seconds("fixed build"), 1.5)
    yield _most("fixed cost of load, seconds", figures.seconds("fixed load"), 1.5)
    if figures.has("big build"):
        yield _most("growth of build over the curls'", figures.growth("build", "curl down"), 1.2)
        yield _most("growth of load over the curls'", figures.growth("load", "curl up"), 1.2)


def _most(work: str, found: float, most: float) -> Target:
    return Target(work, f"{found:.3g}", f"at most {most:g}", found <= most)


def text(figures: Figures) -> str:
    """Both tables for a terminal."""
    costs = [_HEAD, *_lines(figures)]
    kept = [
        ("promise", "found", "promised", ""),
        *((t.work, t.found, t.promised, "" if t.holds else "MISSED") for t in targets(figures)),
    ]
    return f"\nD = {figures.size:,} bytes; {machine()}\n\n{_table(costs)}\n{_table(kept)}"


_HEAD = ("work", "wall s", "CPU s", "MB resident", "read/D", "written/D", "temporary/D")


def _lines(figures: Figures) -> Iterator[tuple[str, ...]]:
    for what, words in _ROWS:
        if figures.has(what):
            cost = figures.of(what)
            size = figures.big_size if what.startswith("big") else figures.size
            shares = (cost.read / size, cost.written / size, cost.temporary / size)
            yield (
                words, f"{cost.wall:.2f}", f"{cost.cpu:.2f}", f"{cost.resident_mb:.0f}",
                *(f"{share:.4f}" for share in shares),
            )  # fmt: skip


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Where it was measured: nothing that names the machine."""
    model = next(
        (
            line.partition(": ")[2]
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{os.cpu_count()} cores ({model}), {memory:.0f} GB of memory, Linux "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}"
    )


def page(figures: Figures) -> str:
    """docs/explanation/performance.md."""
    rounds = len(figures.costs["build"])
    costs = [_HEAD, *_lines(figures)]
    kept = [
        ("promise", "found", "promised", "holds"),
        *((t.work, t.found, t.promised, "yes" if t.holds else "no") for t in targets(figures)),
    ]
    return _PAGE.format(
        size=f"{figures.size / 1e9:.2f}",
        rounds=rounds,
        machine=machine(),
        busy=figures.busy,
        day=clock.now().date().isoformat(),
        kept=_markdown(kept),
        costs=_markdown(costs),
        slopes=_slopes(figures),
    )


def _slopes(figures: Figures) -> str:
    if not figures.has("big build"):
        return "The 6 GB set was left out of this run."
    told = ", ".join(
        f"{words} {figures.slope(what):.2f}"
        for what, words in (
            ("curl down", "curls to files"), ("build", "build"),
            ("curl up", "curl uploads"), ("load", "load"),
        )
    )  # fmt: skip
    return (
        f"Between {figures.size / 1e9:.1f} and {figures.big_size / 1e9:.1f} GB, each further GB "
        f"costs, in seconds: {told}."
    )


def _markdown(rows: list[tuple[str, ...]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


_PAGE = """\
# Performance

What `make bench` found; `make bench ARGS=--page` measures again and writes this page.

Seven images of real file trees that share three layers, {size} GB of unique gzip layers (D), from
and to a real registry (CNCF distribution 3) on loopback. The floor is measured in the same run,
each time right before ours: four curls at once, the largest blob first. The source registry's
files are in memory, bundle and curls' files are not. Ratios are medians of {rounds} such pairs.
{day}, {machine}. Other work kept {busy:.1f} processes busy when it began: above one or two, the
seconds and the ratios say more about that work than about ours; bytes and memory hold all the same.

## Promises

{kept}

## Costs

Wall and CPU are seconds; memory is that of the biggest process; `read` and `written` are what
the kernel counted on files (the interpreter's own modules are in it), `temporary` what was on the
disk meanwhile and not at the end.

{costs}

{slopes}

## Why it is as fast as that

- Every offset of a bundle follows from its documents, so four workers write straight into the final
  file, and there is no copy to pack afterwards. Nothing is compressed that is compressed already.
- Each byte is hashed once on each read, by the one who uses it: the sink of a build, the reader of
  a load. `hashlib` lets other threads run meanwhile.
- Buffers are 1 MiB. Bodies are read from under urllib3, which would copy each of them once more.
- The largest blobs go first, so that all workers end at about the same time.
- A build is on the medium when it says so; curl leaves its files in memory, and what that saves it
  has a row of its own. Our `fsync` waits little, since writing begins every 8 MiB; where the disk
  is slower than the network, it waits for the disk.
- Signatures are checked at the same time, modules that a command does not need are not imported.

## What it costs beside the floor

Start-up, signatures and the answers of the registry, some tenths of a second whatever the size (the
rows of almost nothing), and one hash of everything: a core-second for each 1.5 GB or so. On two
cores that the registry needs too, this is where the distance to curl comes from.
"""
