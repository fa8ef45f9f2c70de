"""`make bench`: the bundle against the floor and against its peers, side by side in one run.

    make bench                                all of it; 6 GB where the disk has room
    make bench ARGS="--rounds 5"              more pairs: medians of them are printed
    make bench ARGS="--small"                 without the 6 GB set
    make bench ARGS="--page"                  write docs/explanation/performance.md too

Writes .bench/result.json, and .bench/details.json with every single run. The image sets stay in
the cache ($AIRFERRY_CACHE/bench, else ~/.cache/airferry/bench); everything else is removed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import report
from figures import Figures
from image_set import ImageSet, cache_folder, image_set
from scene import Scene

from airferry_fixtures.servers.programs import put_on_path
from airferry_fixtures.servers.registry import start_registry

SMALL, BIG = 1_500_000_000, 6_000_000_000
ROOM = 5  # times the set must be free: set, blobs, bundle, registry, and some to spare
TOP = Path(__file__).parents[2]


def main() -> int:
    """Exit status 0; 1 with --strict where a target is missed."""
    options = _options()
    put_on_path()
    figures = Figures()
    with _scene(image_set(SMALL)) as scene:
        _pairs(scene, figures, options.rounds)
        _reading(scene, figures, options.rounds)
        _delta(scene, figures)
    with _scene(image_set(1)) as scene:
        _fixed(scene, figures, options.rounds)
    if not options.small and _room():
        with _scene(image_set(BIG)) as scene:
            _growth(scene, figures, options.rounds)
    folder = TOP / ".bench"
    folder.mkdir(exist_ok=True)
    (folder / "result.json").write_text(json.dumps(figures.result(), indent=1) + "\n", "utf-8")
    (folder / "details.json").write_text(json.dumps(figures.details(), indent=1) + "\n", "utf-8")
    sys.stdout.write(report.text(figures))
    if options.page:
        page = TOP / "docs" / "explanation" / "performance.md"
        page.write_text(report.page(figures), "utf-8")
    return 1 if options.strict and report.missed(figures) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="pairs of ours and the floor")
    parser.add_argument("--small", action="store_true", help="leave the 6 GB set out")
    parser.add_argument("--page", action="store_true", help="write docs/explanation/performance.md")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is missed")
    return parser.parse_args()


def _room() -> bool:
    """Whether the disk holds the work on the big set."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache_folder()).free
    if free >= ROOM * BIG:
        return True
    report.say(f"{free / 1e9:.0f} GB are free: too little for the 6 GB set, growth is left out")
    return False


@contextmanager
def _scene(images: ImageSet) -> Iterator[Scene]:
    """Work in a folder beside the cache: on a disk, where a temporary folder may be memory."""
    with (
        tempfile.TemporaryDirectory(prefix="work-", dir=cache_folder()) as folder,
        start_registry(images.registry) as source,
    ):
        scene = Scene(Path(folder) / "scene", source, images)
        scene.prepare()
        yield scene


def _pairs(scene: Scene, figures: Figures, rounds: int) -> None:
    """Build and load, each run right behind the floor's."""
    figures.size = scene.images.size
    for number in range(1, rounds + 1):
        report.say(f"{scene.images.size / 1e9:.1f} GB, round {number} of {rounds}: build, load")
        figures.add("curl down", scene.curl_down())
        figures.add("curl sync", scene.sync())
        figures.add("build", scene.build())
        figures.add("curl up", scene.curl_up())
        with scene.customer():
            figures.add("load", scene.install("load", scene.bundle))
            figures.add("reload", scene.install("load", scene.bundle, "--output", "json"))
            figures.resent = max(figures.resent, scene.answer()["bytes_sent"])
    if shutil.which("skopeo"):
        figures.add("skopeo", scene.skopeo())


def _reading(scene: Scene, figures: Figures, rounds: int) -> None:
    with scene.customer():
        for _ in range(rounds):
            figures.add("inspect", scene.install("inspect", scene.bundle))
            figures.add("sha256sum", scene.sha256sum())
            figures.add("verify", scene.install("verify", scene.bundle))


def _delta(scene: Scene, figures: Figures) -> None:
    """One more layer on one image."""
    images = image_set(SMALL, changed=True)
    after = Scene(scene.folder / "after", scene.source, images)
    after.prepare(counter=2)
    figures.add("delta", after.build("--without", scene.folder / "release.json"))
    known = {blob.digest for blob in scene.images.blobs}
    layer = max(blob.size for blob in images.blobs if blob.digest not in known)
    figures.delta_extra = after.bundle.stat().st_size - layer


def _fixed(scene: Scene, figures: Figures, rounds: int) -> None:
    """What a build and a load cost before the first gigabyte."""
    for _ in range(rounds):
        scene.curl_down()
        figures.add("fixed build", scene.build())
        with scene.customer():
            figures.add("fixed load", scene.install("load", scene.bundle))


def _growth(scene: Scene, figures: Figures, rounds: int) -> None:
    figures.big_size = scene.images.size
    for number in range(1, rounds + 1):
        report.say(f"{scene.images.size / 1e9:.1f} GB, round {number} of {rounds}: build, load")
        figures.add("big curl down", scene.curl_down())
        figures.add("big curl sync", scene.sync())
        figures.add("big build", scene.build())
        figures.add("big curl up", scene.curl_up())
        with scene.customer():
            figures.add("big load", scene.install("load", scene.bundle))
    with scene.customer():
        for _ in range(rounds):
            figures.add("big inspect", scene.install("inspect", scene.bundle))
        figures.add("big verify", scene.install("verify", scene.bundle))


if __name__ == "__main__":
    sys.exit(main())
