"""Spec to lock: everything that has to be found out, in the order that fails soonest."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from airferry_archive.release import Release
from airferry_bundler import content as contents
from airferry_bundler import lock as locks
from airferry_bundler import signed_release, upstream
from airferry_bundler.assemble import Circumstances, assemble
from airferry_bundler.carried import CarriedImage, origins
from airferry_bundler.charts import carried_charts
from airferry_bundler.content import Evidence, LocalContent
from airferry_bundler.discover import Discovered, discover
from airferry_bundler.evidence import gathering, kept
from airferry_bundler.evidence.image_sboms import Found as Listable
from airferry_bundler.lock import Lock
from airferry_bundler.origins import Origins, Place
from airferry_bundler.referring import referrers_of, shared_tags
from airferry_bundler.release import with_members
from airferry_bundler.resolve import resolve
from airferry_bundler.spec import ImageSource, Spec, SpecFile, image_source
from airferry_foundation import clock, documents
from airferry_foundation.errors import InputError
from airferry_foundation.progress import SILENT, Progress
from airferry_signing import channel as channels

_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Found:
    """A new lock, where it belongs, and what a person should know about it."""

    lock: Lock
    folder: Path
    notes: tuple[str, ...]
    evidence: tuple[Evidence, ...] = ()

    def write(self) -> Path:
        """Write it beside the spec, and the evidence that it names into `evidence/`."""
        kept.write(self.folder, self.evidence)
        return locks.write(self.folder, self.lock)


def make(spec_file: SpecFile, *, progress: Progress = SILENT) -> Found:
    """Read, render and resolve all that a spec names.

    Raises what is wrong with the input, a chart, or a registry, each by its name.
    """
    spec, folder = spec_file.spec, spec_file.folder
    circumstances, notes = _circumstances(spec_file)
    content = contents.gather(spec_file)
    places = Origins(spec_file)
    charts = carried_charts(spec_file, content, places)
    task = progress.start("render", len(charts), "items")
    found = discover(spec, charts, content)
    task.finish(f"{len(charts)} charts, {len(found.found_in)} images in them")
    listed = [places.place(image_source(entry)) for entry in spec.images]
    added = _added(listed, found)
    wanted = [*listed, *(places.place(ImageSource(ref=name)) for name in added)]
    images = _resolve_all(wanted, found, spec, progress)
    verified = upstream.verify(spec_file, images)

    def draft(local: LocalContent) -> Lock:
        return Lock(
            schema="airferry.lock/v1",
            spec=locks.spec_digest(spec),
            sources=local.sources,
            origins=origins(spec.product, images, charts),
            unrendered=tuple(sorted(found.unrendered)),
            release=with_members(assemble(spec, local, images, charts, circumstances)),
        )

    stored = [Listable(*pair) for pair in zip(images, (w.store for w in wanted), strict=True)]
    content = gathering.gather(spec, content, stored, draft, verified=verified, progress=progress)
    lock = draft(content)
    _expect_grammar(lock.release)
    notes += tuple(shared_tags(images))
    notes += tuple(f"signed upstream, by {one.key}: {one.image}" for one in verified)
    return Found(lock, folder, (*notes, *_notes(listed, added, found)), content.evidence)


def _circumstances(spec_file: SpecFile) -> tuple[Circumstances, tuple[str, ...]]:
    """Time of issue and newest root; what channel and root say must not be contradicted."""
    spec, folder = spec_file.spec, spec_file.folder
    statement = signed_release.read_channel(folder)
    if statement is not None:
        said = channels.read(statement.document)
        if (said.product, said.epoch) == (spec.product, spec.epoch):
            _expect_above(spec, said.newest_counter)
    issued = clock.write(clock.source_date())
    number = signed_release.newest_root_number(folder)
    if number is None:
        note = "no roots/ here yet: make them with `airferry-bundler keys root init`"
        return Circumstances(issued, 1), (note,)
    return Circumstances(issued, number), ()


def _expect_above(spec: Spec, newest: int) -> None:
    if spec.counter <= newest:
        raise InputError(
            f"counter is {spec.counter}, but {signed_release.CHANNEL} has announced {newest}",
            f"Set counter to {newest + 1} or more in airferry.yaml.",
        )


def _added(listed: Iterable[Place], found: Discovered) -> list[str]:
    """Images that workloads use and the spec does not list. InputError for a name listed twice."""
    names: set[str] = set()
    for place in listed:
        if place.name in names:
            raise InputError(f"two entries of images: are called {place.name}", "Drop one.")
        names.add(place.name)
    return sorted(set(found.found_in) - names)


def _resolve_all(
    places: list[Place], found: Discovered, spec: Spec, progress: Progress
) -> list[CarriedImage]:
    task = progress.start("resolve images", len(places), "items")

    def one(place: Place) -> CarriedImage:
        pinned = resolve(place.name, place.version, place.store, spec.platforms)
        image = msgspec.structs.replace(pinned.image, found_in=found.places(place.name))
        about = referrers_of(place.name, image, pinned.blobs, place.store)
        task.advance(1)
        return CarriedImage(image, about.blobs, place.origin, about.referrers)

    with ThreadPoolExecutor(_WORKERS) as pool:
        images = list(pool.map(one, places))
    task.finish(f"{len(images)} images pinned")
    return images


def _expect_grammar(release: Release) -> None:
    """What was found may hold what no reader would take: better told now than after signing."""
    documents.decode(documents.encode(release), Release, name="the release")


def _notes(listed: Iterable[Place], added: Iterable[str], found: Discovered) -> list[str]:
    notes = [f"added {name}, used by {found.places(name)[0]}" for name in added]
    notes += [
        f"{place.name} is listed, but no rendered workload uses it"
        for place in (listed if found.found_in else ())  # a spec of images alone says nothing
        if place.name not in found.found_in
    ]
    notes += [f"looks like an image, but was never rendered: {v}" for v in sorted(found.unrendered)]
    return notes + found.notes
