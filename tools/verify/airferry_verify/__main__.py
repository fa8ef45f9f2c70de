"""Checks one bundle: python3 verify.pyz BUNDLE --root ROOT.json --fingerprint sha256:….

A bundle in volumes is given by any of them, by their folder, or by all in any order.

Exit status: 0 all holds; 1 refused; 2 the question is wrong, or something is missing to answer it;
3 nothing wrong was found, but something was left unchecked.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from . import blobs, header, trust, volumes
from .blobs import Counted
from .documents import digest, is_digest
from .refusal import Refused, Unanswered
from .trust import Verdict
from .volumes import Held

OK, REFUSED, QUESTION, PARTLY = range(4)
_MAX_ROOT = 64 << 10


def main(arguments: list[str] | None = None) -> int:
    """Check one bundle; the exit status."""
    options = _options(arguments)
    if not is_digest(options.fingerprint):
        return _say(QUESTION, "a fingerprint reads sha256:<64 hex digits>")
    try:
        return _check(options.bundles, _root(options.root), options.fingerprint)
    except Refused as refused:
        return _say(REFUSED, f"REFUSED: {_printable(str(refused))}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return _say(REFUSED, f"REFUSED: a document is malformed: {_printable(repr(error))}")
    except (Unanswered, OSError) as error:
        return _say(QUESTION, f"can't tell: {_printable(str(error))}")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="verify.pyz",
        description="Check a bundle: roots, signatures, thresholds, and the digest of every byte. "
        "Needs openssl; and zstd for compressed members, which are left unchecked without it.",
        epilog="The vendor tells the fingerprint of the root on another way: by telephone.",
    )
    parser.add_argument(
        "bundles",
        type=Path,
        metavar="BUNDLE",
        nargs="+",
        help="the .tar.zst file; or its volumes (.tar.zst.001 …) or their folders, in any order",
    )
    parser.add_argument("--root", type=Path, required=True, help="the vendor's root that you pin")
    parser.add_argument("--fingerprint", required=True, help="sha256:… of the root file")
    return parser.parse_args(arguments)


def _root(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_MAX_ROOT + 1)
    if len(data) > _MAX_ROOT:
        raise Refused(f"{path} is no root: it has more than {_MAX_ROOT} bytes")
    return data


def _check(paths: list[Path], root: bytes, fingerprint: str) -> int:
    with ExitStack() as stack:
        opened = [(path, _open(path, stack)) for path in volumes.files_of(paths)]
        held = volumes.held(opened)
        volumes.expect_parts(held.volumes)
        found = header.read(held.source)
        release, verdict = trust.judge(found.release, found.roots, found.channel, root, fingerprint)
        carriage = header.read_carriage(found, release)
        carriage_data = found.files["carriage.json"]
        volumes.expect_set(held.volumes, found.release.document, carriage_data, found.end)
        carried = blobs.carried(release, carriage["blobs"])
        header.expect_generated(found, release, [blob.digest for blob in carried])
        told = carriage.get("compressed", [])
        counted = blobs.check(held.source, found.end, carried, told, found.mtime)
        volumes.expect_shares(held.volumes, found.end, counted.spans, held.source.size)
    _report(release, verdict, digest(found.release.document))
    return _report_bytes(carriage["kind"], counted, held)


def _open(path: Path, stack: ExitStack) -> int:
    handle = os.open(path, os.O_RDONLY)
    stack.callback(os.close, handle)
    return handle


def _report(release: dict[str, object], verdict: Verdict, name: str) -> None:
    print(f"{_printable(str(release['product']))} {_printable(str(release['version']))}, {name}")
    if verdict.accepted_by_digest:
        print(f"accepted by root {verdict.root}, by its digest")
    else:
        print(f"signed by {len(verdict.signers)} keys of root {verdict.root}:")
    for signer in verdict.signers:
        print(f"  {signer}")
    print(f"channel statement of {verdict.channel}" if verdict.channel else "no channel statement")


def _report_bytes(kind: object, counted: Counted, held: Held) -> int:
    if held.volumes:
        which = "one file, as cat makes it" if held.files == 1 < len(held.volumes) else "files"
        print(f"{len(held.volumes)} volumes in {which}; their trailers hold")
    print(f"{kind}: {len(counted.spans)} blobs; all {counted.bundle_bytes} bytes are accounted for")
    if counted.unchecked:
        print(f"LEFT UNCHECKED, since zstd is not on PATH: {len(counted.unchecked)} blobs")
        for one in counted.unchecked:
            print(f"  {one}")
    else:
        print("VERIFIED")
    print("Not judged: whether it is for you, and whether it is newer than what you run.")
    return PARTLY if counted.unchecked else OK


def _say(status: int, text: str) -> int:
    print(text, file=sys.stderr)
    return status


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)


if __name__ == "__main__":
    sys.exit(main())
