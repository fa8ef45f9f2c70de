"""What refers to an image travels with it: signatures, attestations, SBOMs, found at `lock`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from airferry_archive.media_types import is_manifest
from airferry_archive.release import Image, Referrer
from airferry_bundler.carried import CarriedImage, image_repository
from airferry_registry import referrers
from airferry_registry.manifests import Descriptor
from airferry_registry.referrers import ReferrerStore


@dataclass(frozen=True, slots=True)
class Referring:
    """The blobs of an image and of all that refers to it, and how the release lists the latter."""

    blobs: tuple[Descriptor, ...]
    referrers: tuple[Referrer, ...]


def referrers_of(
    name: str, image: Image, blobs: Iterable[Descriptor], store: ReferrerStore
) -> Referring:
    """Look for what refers to an image, its index or one of its platforms.

    Also to an index that is carried as evidence only: its signature says who made the image.
    """
    own = tuple(blobs)
    subjects = [image.digest, *sorted(one.digest for one in own if is_manifest(one.media_type))]
    found = referrers.find(store, subjects, name=name)
    more = [blob for one in found for blob in one.blobs]
    listed = tuple(
        Referrer(subject=one.subject, digest=one.digest, tag=one.tag or None, kind=one.kind)
        for one in found
    )
    return Referring(tuple(dict.fromkeys((*own, *more))), listed)


def shared_tags(images: Iterable[CarriedImage]) -> Iterator[str]:
    """What to know where older signatures of one image come from two places, under one tag.

    Such a tag stands for one manifest. It is the first by digest, here as at the customer's.
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    for one in images:
        for about in one.referrers:
            if about.tag is not None:
                place = (image_repository(one.image.name), about.tag)
                found.setdefault(place, {}).setdefault(about.digest, one.origin)
    for (repository, tag), places in sorted(found.items()):
        kept, *others = sorted(places)
        for other in others:
            yield (
                f"{repository}:{tag} is another at {places[kept]} than at {places[other]}: the "
                f"first one ({kept}) gets that tag at customers; the other travels without a tag, "
                "where cosign does not look. Sign both at one place, or in cosign's newer form"
            )
