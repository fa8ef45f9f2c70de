"""A blob out of a registry as a stream of chunks, for whoever sends it on: resumed, verified.

`pull` gives bytes to a taker; this is the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airferry_foundation.errors import RegistryUnreachableError
from airferry_registry.client import RegistryClient
from airferry_registry.cuts import Cuts
from airferry_registry.streams import chunks, verified


@dataclass(frozen=True, slots=True)
class Flow:
    """A blob that can be read again and again; each chunk is good until the next is asked for.

    The last chunk comes only after size and digest hold: RegistryMismatchError else.
    """

    client: RegistryClient
    repository: str
    digest: str
    size: int

    def __iter__(self) -> Iterator[memoryview | bytes]:
        """From the first byte."""
        what = f"{self.client.settings.origin}: blob {self.digest} of {self.repository}"
        return verified(self._resumed(), self.digest, self.size, what=what)

    def _resumed(self) -> Iterator[memoryview]:
        """The bytes; a cut is followed by a request for the rest, as long as it gets on."""
        seen, cuts = 0, Cuts()
        while True:
            try:
                with self.client.open_blob(self.repository, self.digest, seen) as reader:
                    for chunk in chunks(reader):
                        seen += len(chunk)
                        yield chunk
            except RegistryUnreachableError:
                if not seen or not cuts.bear(seen):
                    raise
            else:
                return
