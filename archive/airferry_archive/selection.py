"""Which blobs of a release a file carries. Pure.

The release stays the same, byte for byte; only carriage.json differs.
"""

from __future__ import annotations

from collections.abc import Collection

from airferry_archive.carriage import Carriage
from airferry_archive.receipts import Need
from airferry_archive.release import Release
from airferry_foundation.errors import InputError


def without(release: Release, held: Collection[str]) -> frozenset[str]:
    """The blobs that a site lacks which holds `held`."""
    return frozenset(blob.digest for blob in release.blobs) - frozenset(held)


def only(release: Release, release_digest: str, need: Need) -> frozenset[str]:
    """The blobs that a need lists; InputError where it is about another release."""
    if need.release != release_digest:
        raise InputError(
            f"the need is about {need.product} {need.version}, release {need.release}; "
            f"this release is {release.product} {release.version}, {release_digest}",
            "Build from the checkout of the release that the customer loads.",
        )
    if strange := set(need.blobs) - {blob.digest for blob in release.blobs}:
        raise InputError(f"the need lists {min(strange)}, which its release does not")
    return frozenset(need.blobs)


def carriage_of(
    release: Release, release_digest: str, carried: Collection[str] | None = None
) -> Carriage:
    """The carriage of a file that carries these blobs, None for all.

    A delta may carry none: a release that only says other things about the same blobs.
    """
    everything = {blob.digest for blob in release.blobs}
    wanted = everything if carried is None else everything & set(carried)
    return Carriage(
        schema="airferry.carriage/v1",
        release=release_digest,
        kind="full" if carried is None else "delta",
        blobs=tuple(sorted(wanted)),
    )
