"""What carries an admitted release: a bundle file, its volumes, or a vendor's registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import Protocol

from airferry_archive.layout import Header, Layout


class Carrier(Protocol):
    """Gives out the blobs of a release, verified. Safe for several threads."""

    @property
    def path(self) -> PurePath:
        """Where it is, for messages."""

    @property
    def at_hand(self) -> bool:
        """Whether all of it can be read now: no volume must be asked for."""

    @property
    def header(self) -> Header:
        """The header that was judged."""

    @property
    def layout(self) -> Layout:
        """What stands where."""

    def carries(self, blob_digest: str) -> bool:
        """Whether it has the blob."""

    def blob(self, blob_digest: str, cap: int) -> bytes:
        """A whole blob of at most `cap` bytes, verified."""

    def stream(self, blob_digest: str) -> Iterator[memoryview | bytes]:
        """A blob in chunks, each good until the next; what is wrong raises before the last one."""

    def in_turn(self, blobs: Iterable[str], act: Callable[[str], None]) -> None:
        """Do something once with each blob, in an order that suits its media, from this thread."""
