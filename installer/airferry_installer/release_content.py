"""The blobs of an admitted release, wherever they are: in its file, else in the registry.

Hashed on every read, from either. A delta leaves out what the registry holds, and everybody who
reads a release's charts, values and manifests reads them through here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property

from airferry_archive.release import Blob, Release
from airferry_foundation.errors import BundleMismatchError, RegistryMissingError
from airferry_installer.carrier import Carrier
from airferry_installer.holdings import is_manifest
from airferry_registry.client import RegistryClient
from airferry_registry.streams import chunks


class ReleaseContent:
    """`connect` gives the registry when it is first needed; `places` are its local repositories.

    `elsewhere` names, by digest, a repository for what is not (yet) in its own ones.
    """

    def __init__(
        self,
        reader: Carrier,
        release: Release,
        connect: Callable[[], RegistryClient],
        places: Mapping[str, str],
        elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        self.reader = reader
        self._blobs = {blob.digest: blob for blob in release.blobs}
        self._connect = connect
        self.places = places
        self._elsewhere = elsewhere or {}
        self._remembered: dict[str, bytes] = {}

    @cached_property
    def client(self) -> RegistryClient:
        """The registry."""
        return self._connect()

    def blob(self, wanted: str, cap: int) -> bytes:
        """A whole blob of at most `cap` bytes, verified.

        BundleMismatchError for one that the release does not list or that is too long, and the
        errors of file and registry.
        """
        blob = self._listed(wanted, cap)
        if wanted in self._remembered:
            return self._remembered[wanted]
        carried = self.reader.carries(wanted)
        if carried and self.reader.at_hand:
            return self.reader.blob(wanted, cap)
        try:
            return self._from_a_holder(blob, lambda one: self._small(one, blob, cap))
        except RegistryMissingError:
            if not carried:
                raise
            return self.reader.blob(wanted, cap)  # in a volume that must be asked for

    def remember(self, wanted: Iterable[Blob]) -> None:
        """Keep these small blobs of the file in memory.

        Where volumes are absent each byte is read once, in the order of the file.
        """
        order = self.reader.layout.members
        found = {blob.digest: blob for blob in wanted}
        for digest in (one for one in order if one in found):
            self._remembered[digest] = self.reader.blob(digest, found[digest].size)

    def stream(self, wanted: str, holder: str) -> Iterator[memoryview | bytes]:
        """A blob in chunks: out of the file, or else out of `holder`, a local repository.

        From a registry unverified: `push_blob` hashes what it sends.
        """
        if self.reader.carries(wanted):
            yield from self.reader.stream(wanted)
            return
        with self.client.open_blob(holder, wanted) as source:
            yield from chunks(source)

    def holders(self, wanted: str) -> tuple[str, ...]:
        """Other repositories that have a blob which is in none of its own ones."""
        return (self._elsewhere[wanted],) if wanted in self._elsewhere else ()

    def _listed(self, wanted: str, cap: int) -> Blob:
        blob = self._blobs.get(wanted)
        if blob is None or blob.size > cap:
            found = "it is not listed" if blob is None else f"it has {blob.size:,} bytes"
            raise BundleMismatchError(f"blob {wanted} of the release: {found}; {cap:,} are allowed")
        return blob

    def _from_a_holder(self, blob: Blob, read: Callable[[str], bytes]) -> bytes:
        own = (self.places[one] for one in blob.repositories)
        for repository in (*own, *self.holders(blob.digest)):
            try:
                return read(repository)
            except RegistryMissingError:
                continue
        raise RegistryMissingError(
            f"blob {blob.digest} is neither in {self.reader.path.name} nor in the registry "
            f"{self.client.settings.origin}",
            "Load the bundle first, or a full one.",
        )

    def _small(self, repository: str, blob: Blob, cap: int) -> bytes:
        if is_manifest(blob):
            return self.client.manifest(repository, blob.digest).data
        return self.client.small_blob(repository, blob.digest, cap)
