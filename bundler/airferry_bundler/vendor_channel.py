"""Makes channel statements: what is newest, which floor holds, what is revoked. Pure but for files.

Each statement follows the one before it: the sequence rises by one, floor and revocations of an
epoch only grow, and the newest release never becomes an older one. A customer would take over
nothing else; so nothing else is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from airferry_archive import release as releases
from airferry_archive.release import Release
from airferry_bundler import signed_release
from airferry_bundler.vendor_roots import newest_of
from airferry_foundation import clock, documents, files
from airferry_foundation.digests import digest, is_digest
from airferry_foundation.errors import InputError
from airferry_signing import channel as channels
from airferry_signing.channel import Channel
from airferry_signing.root_document import Root
from airferry_signing.signature_files import signature_paths


@dataclass(frozen=True, slots=True)
class Wish:
    """What the next statement is to say beyond the one before; all of it may be left out.

    `newest` may be the newest release of all. `expected_in` is how soon the statement after this
    one is promised.
    """

    newest: Release | None = None
    floor: int | None = None
    revoked: tuple[str, ...] = ()
    expected_in: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A statement that was written, and names of signatures over the one before, now gone."""

    path: Path
    statement: Channel
    digest: str
    stale: tuple[str, ...]


def issue(folder: Path, wish: Wish) -> Issued:
    """Write channel.json beside a spec, out of its roots, the statement before and `wish`.

    Signatures of the statement before are removed: over these bytes they are worth nothing.
    """
    path = folder / signed_release.CHANNEL
    root = newest_of(folder / signed_release.ROOTS)
    before = None
    if path.exists():
        before = channels.read(files.read_capped(path, channels.MAX_BYTES), name=str(path))
    statement = following(root, before, wish, issued_at=clock.write(clock.source_date()))
    stale = signature_paths(path)
    for signature in stale:
        files.remove(signature)
    data = documents.encode(statement)
    files.write_atomic(path, data)
    return Issued(path, statement, digest(data), tuple(one.name for one in stale))


def following(root: Root, before: Channel | None, wish: Wish, *, issued_at: str) -> Channel:
    """The statement after `before` under the newest root; InputError where it would go backwards.

    In a new epoch counters, floor and revocations start afresh.
    """
    if before is not None and before.product != root.product:
        raise InputError(
            f"the statement before is for {before.product!r}, the roots are for {root.product!r}",
            "Move the channel.json of the other product away.",
        )
    known = before if before is not None and before.epoch == root.epoch else None
    counter, version = _newest(root, known, wish.newest)
    floor = _floor(known, wish, counter)
    revoked = sorted({*(known.revoked if known else ()), *wish.revoked})
    later = clock.read(issued_at) + wish.expected_in if wish.expected_in else None
    statement = Channel(
        schema="airferry.channel/v1",
        product=root.product,
        epoch=root.epoch,
        sequence=known.sequence + 1 if known else 1,
        newest_counter=counter,
        newest_version=version,
        security_floor=floor,
        revoked=tuple(revoked),
        issued_at=issued_at,
        next_expected=clock.write(later) if later else None,
    )
    return channels.read(documents.encode(statement))


def newest_of_releases(paths: Sequence[Path]) -> Release | None:
    """The release with the highest counter among release.json files; None of none."""
    found = [_read(path) for path in paths]
    return max(found, key=lambda one: (one.epoch, one.release_counter), default=None)


def default_releases(folder: Path) -> tuple[Path, ...]:
    """The release.json beside a spec, where no statement was made before."""
    path = folder / "release.json"
    announced = (folder / signed_release.CHANNEL).exists()
    return (path,) if path.exists() and not announced else ()


def release_digests(given: Iterable[str]) -> tuple[str, ...]:
    """Digests out of digests and paths of release.json files."""
    return tuple(one if is_digest(one) else _digest_of(Path(one)) for one in given)


def _newest(root: Root, known: Channel | None, release: Release | None) -> tuple[int, str]:
    if release is None:
        if known is None:
            raise InputError(
                "nothing says which release is the newest", "Give --release release.json."
            )
        return known.newest_counter, known.newest_version
    if (release.product, release.epoch) != (root.product, root.epoch):
        raise InputError(
            f"the release is {release.product} of epoch {release.epoch}; root {root.number} is "
            f"for {root.product}, epoch {root.epoch}",
            "Give a release of the newest root's product and epoch.",
        )
    if known is not None and release.release_counter < known.newest_counter:
        raise InputError(
            f"{release.version} has counter {release.release_counter}; {known.newest_version} "
            f"with {known.newest_counter} was announced already",
            "Give the newest release, or none to keep the one that was announced.",
        )
    return release.release_counter, release.version


def _floor(known: Channel | None, wish: Wish, counter: int) -> int:
    before = known.security_floor if known else 0
    floor = before if wish.floor is None else wish.floor
    if floor < before:
        raise InputError(
            f"the floor {floor} is below {before}, which was announced already",
            "A floor only rises; a new epoch (`keys root add --new-epoch`) starts afresh.",
        )
    floor = max(floor, wish.newest.security_floor if wish.newest else 0)
    if floor > counter:
        raise InputError(
            f"the floor {floor} is above the newest release (counter {counter}): nothing could run",
            "Announce a newer release with it.",
        )
    return floor


def _read(path: Path) -> Release:
    data = files.read_capped(path, releases.MAX_BYTES)
    return documents.decode(data, Release, name=str(path), cap=releases.MAX_BYTES)


def _digest_of(path: Path) -> str:
    _read(path)
    return digest(files.read_capped(path, releases.MAX_BYTES))
