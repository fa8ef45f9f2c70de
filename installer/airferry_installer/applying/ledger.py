"""The inventory while a change is under way: every step that counts is written down at once.

Each write needs the resourceVersion of the one before. If somebody else wrote meanwhile (a
back-out, or the same change taken up elsewhere), this installer stops: ClusterBusyError.
"""

from __future__ import annotations

from typing import Any

from airferry_foundation.errors import ClusterBusyError, ConflictError
from airferry_installer.applying import inventory
from airferry_installer.applying.begin import with_uids
from airferry_installer.applying.inventory import Cluster, Held, Inventory
from airferry_installer.applying.order import identity
from airferry_installer.planning.plan import ObjectRef
from airferry_rendering.objects import Object


class Ledger:
    """Writes the inventory of one change."""

    def __init__(self, client: Cluster, held: Held) -> None:
        self._client = client
        self._held = held
        self._uids: dict[tuple[str, str, str, str], str] = {}

    @property
    def now(self) -> Inventory:
        """The inventory as it was written last."""
        return self._held.inventory

    def saw(self, ref: ObjectRef, obj: Object) -> None:
        """Remember the uid of an object that was applied; `save` writes it."""
        self._uids[identity(ref)] = str(obj["metadata"].get("uid", ""))

    def save(self) -> None:
        """Write the uids that were seen."""
        self.write(objects=with_uids(self.now.objects, self._uids))

    def hook_done(self, name: str) -> None:
        """A hook ended well: it is never run again for this plan."""
        self.write(hooks_done=(*self.now.hooks_done, name))

    def gone(self, *refs: ObjectRef) -> None:
        """Objects are confirmed to be gone, or are released."""
        left = {identity(ref) for ref in refs}
        self.write(objects=tuple(o for o in self.now.objects if identity(o.ref) not in left))

    def write(self, **fields: Any) -> None:
        """Change fields of the inventory; ClusterBusyError if somebody else wrote it meanwhile."""
        try:
            changed = inventory.change(self._held, **fields)
            self._held = inventory.update(self._client, self._held, changed)
        except ConflictError as error:
            found = self.now
            raise ClusterBusyError(
                f"another installer took over {found.product} in {found.environment}: its "
                "inventory was written by somebody else; this one stops here",
                "See `status`. Whoever took over goes on from here.",
            ) from error
