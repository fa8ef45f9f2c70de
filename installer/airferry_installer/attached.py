"""What refers to an image is found beside it after a load: signatures, attestations, SBOMs.

Their manifests are there already, like all that `delivery` puts. Here each is made findable from
its image: by the registry's own referrers API, by the index under `sha256-<hex>` where the registry
has none, and by the tag that it had (`sha256-<hex>.sig`). Of such tags none that exists is moved: a
customer's own signature may be under it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from airferry_archive.release import Referrer, Release
from airferry_registry import referrers
from airferry_registry.client import RegistryClient

_ASKERS = 4


@dataclass(frozen=True, slots=True, order=True)
class Kept:
    """A tag (`repository:tag`) that stays what it stands for; the release has `other` under it.

    That one is in the repository too, by its digest.
    """

    tag: str
    stands_for: str
    other: str


@dataclass(frozen=True, slots=True)
class Attached:
    """How many referrers were made findable now, and tags that stand for something else."""

    new: int = 0
    kept: tuple[Kept, ...] = ()

    def lines(self) -> Iterator[str]:
        """What to know about tags that were kept."""
        for one in self.kept:
            yield (
                f"left as it is: {one.tag} stands for {one.stands_for}; the release's "
                f"{one.other} is there by its digest, where cosign does not look"
            )


def attach(client: RegistryClient, release: Release, places: Mapping[str, str]) -> Attached:
    """Make every referrer of a delivered release findable in each repository that it is in.

    One subject after another, since the index of a subject is read and written.
    """
    repositories = {blob.digest: blob.repositories for blob in release.blobs}
    work: dict[tuple[str, str], list[Referrer]] = {}
    for one in release.referrers:
        for repository in repositories.get(one.digest, ()):
            work.setdefault((places[repository], one.subject), []).append(one)

    def together(item: tuple[tuple[str, str], list[Referrer]]) -> list[Kept | bool]:
        (repository, _), about = item
        return [_attach(client, repository, one) for one in about]

    with ThreadPoolExecutor(_ASKERS) as pool:
        done = [answer for answers in pool.map(together, work.items()) for answer in answers]
    kept = sorted(answer for answer in done if isinstance(answer, Kept))
    return Attached(sum(answer is True for answer in done), tuple(kept))


def _attach(client: RegistryClient, repository: str, one: Referrer) -> Kept | bool:
    """Whether it was not yet findable; or the tag that stands for something else."""
    if one.tag is None:
        stored = client.manifest(repository, one.digest)
        return referrers.attach(client, repository, one.subject, stored)
    found = client.has_manifest(repository, one.tag)
    if found is None:
        stored = client.manifest(repository, one.digest)
        client.put_manifest(repository, one.tag, stored.data, stored.media_type)
        return True
    return False if found == one.digest else Kept(f"{repository}:{one.tag}", found, one.digest)
