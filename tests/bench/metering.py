"""Runs a command and says what it cost: wall, CPU, memory, bytes read, written and temporary."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

_PAUSE = 0.02
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds, MB (10^6 bytes) of the biggest process, and bytes.

    `read` and `written` are of system calls on files and pipes (sockets are not in them) and of
    pages made dirty; `temporary` is what was in the watched folders at most, and not at the end.
    """

    wall: float
    cpu: float
    resident_mb: float
    read: int
    written: int
    temporary: int


class Failed(Exception):  # noqa: N818 - reads as what happened
    """A measured command did not end with 0."""


def measure(
    command: Sequence[str | Path],
    *,
    watch: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    log: Path,
    cold: Sequence[Path] | None = (),
) -> Cost:
    """Run a command to its end, with nothing left to write back from the run before it.

    The files below `cold` are not in memory when it begins, so that the earlier of two runs does
    not leave the later one with less of it. None: begin with everything as it is.
    """
    if cold is not None:
        os.sync()
        for place in cold:
            _evict(place)
    before = sum(map(occupied, watch))
    with log.open("wb") as output:
        started = time.monotonic()
        child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
            cwd=folder,
        )
        sampler = _Sampler(child.pid, watch)
        sampler.start()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        wall = time.monotonic() - started
        sampler.end()
        io, cpu = _io(child.pid), _cpu(child.pid)
        child.wait()
    if child.returncode != 0:
        said = log.read_text("utf-8", "replace")[-2000:]
        raise Failed(f"{' '.join(map(str, command))} ended with {child.returncode}:\n{said}")
    after = max(sum(map(occupied, watch)), before)
    return Cost(
        wall=wall,
        cpu=cpu,
        resident_mb=sampler.resident / 1e6,
        read=io["rchar"],
        written=io["write_bytes"],
        temporary=max(sampler.most - after, 0),
    )


def typical(costs: Sequence[Cost]) -> Cost:
    """The run with the median wall, with the most memory and temporary bytes of all of them."""
    middle = min(costs, key=lambda one: abs(one.wall - median(c.wall for c in costs)))
    return replace(
        middle,
        resident_mb=max(cost.resident_mb for cost in costs),
        temporary=max(cost.temporary for cost in costs),
    )


def ratio(ours: Sequence[Cost], floor: Sequence[Cost]) -> float:
    """The median of wall over wall, each pair measured one right after the other."""
    return median(one.wall / other.wall for one, other in zip(ours, floor, strict=True))


def occupied(folder: Path) -> int:
    """Bytes that files take up on the disk."""
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(top, name)).st_blocks * 512  # noqa: PTH118 - quick
            except FileNotFoundError:
                continue
    return total


def _evict(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class _Sampler(threading.Thread):
    """Looks again and again how much memory a process and its children have had at most."""

    def __init__(self, pid: int, watch: Sequence[Path]) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._watch = watch
        self._ended = threading.Event()
        self.resident = 0
        self.most = 0

    def run(self) -> None:
        while not self._ended.wait(_PAUSE):
            for pid in _family(self._pid):
                self.resident = max(self.resident, _most_resident(pid))
            self.most = max(self.most, sum(map(occupied, self._watch)))

    def end(self) -> None:
        self._ended.set()
        self.join()


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        try:
            for task in os.listdir(f"/proc/{one}/task"):  # noqa: PTH208 - quick
                children = Path(f"/proc/{one}/task/{task}/children").read_text("ascii")
                found += map(int, children.split())
        except OSError:
            continue
    return found


def _most_resident(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def _io(pid: int) -> dict[str, int]:
    """What the kernel counted for a process and the children that it waited for."""
    lines = Path(f"/proc/{pid}/io").read_text("ascii").splitlines()
    return {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS  # utime, stime, and those of the children
