"""Provides the pinned programs: finds them on PATH or in the cache, builds those that are missing.

python3 tools/programs.py ensure cosign registry     find or build these
python3 tools/programs.py ensure --group cluster     find or build all of a group
python3 tools/programs.py path kubectl age           print where they are; exit 1 if one is missing
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys

from provision.failures import ProvisionError
from provision.finding import find
from provision.pins import Pin, choose
from provision.providing import Provided, provide


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, do what it says; 0 if every program is there, 1 if one is missing."""
    # A build that is told to end takes its compiler with it, as it does for Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _options(arguments)
    try:
        pins = choose(options.names, options.group)
        return _ensure(pins, options) if options.command == "ensure" else _path(pins, options)
    except ProvisionError as error:
        print(f"{error}\n{error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on from what is built.", file=sys.stderr)
        return 130


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, dest="command", metavar="ensure | path")
    for name in ("ensure", "path"):
        command = commands.add_parser(name)
        command.add_argument("names", nargs="*", metavar="NAME")
        command.add_argument(
            "--group", action="append", default=[], choices=("vendor", "cluster", "test")
        )
        command.add_argument("--json", action="store_true", help="one JSON object: name → path")
        command.add_argument("--quiet", action="store_true", help="no summary where all is well")
    return parser.parse_args(arguments)


def _ensure(pins: list[Pin], options: argparse.Namespace) -> int:
    outcomes = provide(pins)
    missing = [outcome for outcome in outcomes if outcome.path is None]
    if missing or not options.quiet:
        _summarise(outcomes)
    for outcome in missing:
        print(f"\n{outcome.pin.name}: {outcome.problem}\n  {outcome.hint}", file=sys.stderr)
    in_ci = bool(os.environ.get("CI"))
    return int(any(in_ci or not outcome.pin.optional for outcome in missing))


def _summarise(outcomes: list[Provided]) -> None:
    width = max(len(outcome.pin.name) for outcome in outcomes)
    for outcome in outcomes:
        print(f"{outcome.pin.name:<{width}}  {outcome.path or 'MISSING'}", file=sys.stderr)


def _path(pins: list[Pin], options: argparse.Namespace) -> int:
    found = {pin.name: str(path) if (path := find(pin)) else None for pin in pins}
    if options.json:
        print(json.dumps(found))
    else:
        print("\n".join(path for path in found.values() if path))
        for name in (name for name, path in found.items() if not path):
            print(f"{name}: missing; python3 tools/programs.py ensure {name}", file=sys.stderr)
    return 0 if all(found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
