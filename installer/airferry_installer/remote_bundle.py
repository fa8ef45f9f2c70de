"""A release that a vendor published in a registry, read like a bundle and judged like one.

The artifact's manifest is trusted for nothing: titles and sizes are capped as in a file's header,
what they hold is judged by `opening`, and every blob is then asked for by the digest that the
vendor signed. So a registry can refuse or delay, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from airferry_archive import published
from airferry_archive.filling import Taker
from airferry_archive.header import MAX_HEADER
from airferry_archive.layout import Header, Layout, arrange_with
from airferry_archive.media_types import is_manifest
from airferry_archive.release import Blob, Release
from airferry_archive.selection import carriage_of
from airferry_foundation import versions
from airferry_foundation.digests import digest
from airferry_foundation.errors import (
    AirferryError,
    BundleMismatchError,
    InputError,
    RegistryMissingError,
)
from airferry_foundation.progress import Task
from airferry_installer import opening
from airferry_installer.admission import Context, Verdict
from airferry_installer.state import StateFolder
from airferry_registry import pull
from airferry_registry.client import RegistryClient
from airferry_registry.flow import Flow
from airferry_registry.manifests import Manifest
from airferry_registry.oras_adapter import OrasRepository
from airferry_registry.references import Reference


@dataclass(frozen=True, slots=True)
class RemoteBundle:
    """An admitted release in a repository; a Carrier."""

    client: RegistryClient
    repository: str
    path: PurePosixPath
    header: Header
    layout: Layout
    release: Release
    verdict: Verdict

    @property
    def at_hand(self) -> bool:
        """Everything can be asked for at any time."""
        return True

    def carries(self, blob_digest: str) -> bool:
        """Whether the release has the blob: it is published whole."""
        return blob_digest in self.layout.members

    def blob(self, blob_digest: str, cap: int) -> bytes:
        """A whole blob of at most `cap` bytes, verified."""
        blob = self._listed(blob_digest)
        if blob.size > cap:
            raise BundleMismatchError(
                f"{self.path}: blob {blob_digest} has {blob.size:,} bytes; {cap:,} are allowed here"
            )
        return b"".join(bytes(chunk) for chunk in self.stream(blob_digest))

    def stream(self, blob_digest: str) -> Iterator[memoryview | bytes]:
        """A blob in chunks; RegistryMismatchError before the last one if it is another."""
        blob = self._listed(blob_digest)
        if self._is_stored_as_manifest(blob):
            yield self.client.manifest(self.repository, blob.digest).data
        else:
            yield from Flow(self.client, self.repository, blob.digest, blob.size)

    def in_turn(self, blobs: Iterable[str], act: Callable[[str], None]) -> None:
        """Do something with each blob, in the order given: all are at hand."""
        for one in blobs:
            act(one)

    def deliver(self, blob: Blob, taker: Taker, task: Task) -> None:
        """Give a blob's bytes to a taker, from where it is on (see `archive.filling`)."""
        if self._is_stored_as_manifest(blob):
            rest = memoryview(self.client.manifest(self.repository, blob.digest).data)
            taker.write(rest[taker.taken :])
            task.advance(len(rest))
        else:
            named = (blob.digest, blob.size)
            pull.fetch_into(self.client, self.repository, named, taker, task=task)

    def _is_stored_as_manifest(self, blob: Blob) -> bool:
        return is_manifest(blob.media_type) and blob not in published.evidence_of(self.release)

    def _listed(self, blob_digest: str) -> Blob:
        member = self.layout.members.get(blob_digest)
        if member is None:
            raise BundleMismatchError(f"{self.path} has no blob {blob_digest} in its release")
        return member.blob


def open_remote(
    state: StateFolder, client: RegistryClient, place: Reference, where: Context
) -> RemoteBundle:
    """Read a published release's header, and admit it; raises why it is refused."""
    repository, version = place.repository, place.digest or place.tag
    artifacts = OrasRepository(client, repository)
    version = version or newest(client, repository)
    name = f"{place.name}{'@' if place.digest else ':'}{version}"
    header = read_header(artifacts, version, name)
    verdict = opening.judge(state, header, name, where)
    release = verdict.admitted()
    try:
        whole = published.full(header, release)
        layout = arrange_with(whole, release, carriage_of(release, digest(header.release)), {})
    except AirferryError as error:
        opening.journal_refusal(state, name, verdict.digest, error)
        raise
    return RemoteBundle(client, repository, PurePosixPath(name), whole, layout, release, verdict)


def read_header(artifacts: OrasRepository, reference: str, name: str) -> Header:
    """The header out of an artifact, not judged. BundleMismatchError for what is no release."""
    stored = artifacts.manifest(reference)
    parsed = stored.parse()
    if not isinstance(parsed, Manifest) or parsed.artifact_type != published.ARTIFACT_TYPE:
        raise BundleMismatchError(
            f"{name} is no published release",
            "Ask the vendor for the address that `airferry-bundler publish` printed.",
        )
    found: dict[str, bytes] = {}
    left = MAX_HEADER
    for layer in parsed.layers:
        if not published.expect_header_part(layer.title, layer.size):
            continue
        if layer.title in found or layer.size > left:
            raise BundleMismatchError(f"{name}: {layer.title} is there twice, or too long")
        found[layer.title] = artifacts.read(layer, min(left, MAX_HEADER))
        left -= layer.size
    try:
        return published.header_of_parts(found)
    except BundleMismatchError as error:
        raise BundleMismatchError(f"{name}: {error.message}", error.hint) from None


def newest(client: RegistryClient, repository: str) -> str:
    """The highest version among the tags of a repository. Whether it may be had is judged later."""
    known = []
    for tag in client.tags(repository):
        try:
            known.append((versions.parse(tag), tag))
        except InputError:
            continue
    if not known:
        raise RegistryMissingError(
            f"registry {client.settings.origin}: {repository} has no tag that is a version",
            "Name the tag: oci://HOST/REPOSITORY:TAG.",
        )
    return max(known)[1]
