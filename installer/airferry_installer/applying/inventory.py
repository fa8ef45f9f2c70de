"""What an environment holds, written in the environment itself: one Secret a product.

The Secret is the authority on the revision number, the running release, its objects and the plans
whose approvals are used up: a fresh or restored state folder reads it and can't forget. Invariants:

- every write carries the resourceVersion that was read (creation is exclusive), so two installers
  can't both begin;
- `revision` only rises, by one with each `begin`; a plan names the revision that it was made at, so
  no plan and no approval fits twice;
- `objects` is a superset of what stands in the cluster: it grows before anything is created and
  shrinks after a deletion was confirmed.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from airferry_archive.release import Name
from airferry_foundation import documents
from airferry_foundation.digests import Digest, digest
from airferry_foundation.documents import Document
from airferry_foundation.errors import ClusterError
from airferry_installer.planning.plan import ObjectRef, Running

SCHEMA = "airferry.inventory/v1"
MAX_BYTES = 900_000
"""etcd takes about 1 MB a value; the rest is for metadata."""

_CONSUMED_KEPT = 500
_KEY = "inventory.json"
LABEL = "airferry.dev/inventory"

State = Literal["applying", "applied", "failed", "backing-out", "backed-out"]


class InventoryObject(Document, frozen=True, kw_only=True):
    """One object of the release. `uid` is None until the object was seen to be created.

    `adopted` means: it was there before Airferry first wrote to it, so a back-out leaves it.
    """

    ref: ObjectRef
    uid: str | None = None
    adopted: bool = False


class Consumed(Document, frozen=True, kw_only=True):
    """A plan whose approvals are used up, and the revision that used them."""

    plan: Digest
    revision: int


class Word(Document, frozen=True, kw_only=True):
    """Which of the vendor's channel statements was known: what orders them."""

    epoch: int
    sequence: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """To compare by; the first statement of an epoch has sequence 1."""
        return self.epoch, self.sequence


class Inventory(Document, frozen=True, kw_only=True):
    """The state of one product in one environment.

    `running` is what was last put in place whole; `target` what `plan` is putting, or failed to
    put, in its place; `previous` what a back-out of the last applied plan returns to.
    """

    schema: Literal["airferry.inventory/v1"]
    product: Name
    environment: Name
    revision: int
    state: State
    plan: Digest | None = None
    running: Running | None = None
    previous: Running | None = None
    target: Running | None = None
    objects: tuple[InventoryObject, ...] = ()
    attempt: int = 0
    """How often the change was taken up again; each time moves the resourceVersion, so that an
    installer which was thought gone stops at its next write."""
    hooks_done: tuple[str, ...] = ()
    """Hooks of `plan` that have ended well; they are not run twice."""
    consumed: tuple[Consumed, ...] = ()
    word: Word | None = None
    """The newest channel statement that an installer knew which changed something here."""

    def has_consumed(self, plan: str) -> int | None:
        """The revision that used the approvals of a plan up, None if none did."""
        return next((c.revision for c in self.consumed if c.plan == plan), None)

    def consuming(self, plan: str, revision: int) -> tuple[Consumed, ...]:
        """The record with one more; old ones fall off, since their revision can't come back."""
        return (*self.consumed, Consumed(plan=plan, revision=revision))[-_CONSUMED_KEPT:]


@dataclass(frozen=True, slots=True)
class Held:
    """An inventory as read: writing it back needs the resourceVersion."""

    inventory: Inventory
    resource_version: str
    namespace: str


class Cluster(Protocol):
    """What the inventory needs of a cluster client."""

    def get(self, ref: ObjectRef, /) -> dict[str, Any] | None:
        """An object, None if it is not there."""

    def create(self, obj: dict[str, Any], /) -> dict[str, Any]:
        """Create; ConflictError if it exists."""

    def replace(self, obj: dict[str, Any], /) -> dict[str, Any]:
        """Replace at the object's resourceVersion; ConflictError if it moved."""


def secret_name(product: str) -> str:
    """The Secret's name: a product's `_` is no part of a DNS name, so such names get a hash."""
    if "_" not in product:
        return f"airferry-inventory-{product}"
    return f"airferry-inventory-{product.replace('_', '-')}-{digest(product.encode())[7:15]}"


def secret_ref(namespace: str, product: str) -> ObjectRef:
    """Where the inventory of a product is."""
    return ObjectRef(
        api_version="v1", kind="Secret", namespace=namespace, name=secret_name(product)
    )


def read(client: Cluster, namespace: str, product: str) -> Held | None:
    """The inventory, None where the product was never applied; ClusterError if it is damaged."""
    secret = client.get(secret_ref(namespace, product))
    if secret is None:
        return None
    name = f"Secret {namespace}/{secret_name(product)}"
    try:
        data = base64.b64decode((secret.get("data") or {})[_KEY], validate=True)
    except (KeyError, binascii.Error):
        raise ClusterError(
            f"{name} holds no inventory", "Somebody changed it; restore it from a backup."
        ) from None
    inventory = documents.decode(data, Inventory, name=name, cap=MAX_BYTES, text="any")
    return Held(inventory, str(secret["metadata"]["resourceVersion"]), namespace)


def create(client: Cluster, namespace: str, inventory: Inventory) -> Held:
    """Write the first inventory; ConflictError if there is one."""
    return _held(client.create(_secret(namespace, inventory, None)), namespace, inventory)


def update(client: Cluster, held: Held, inventory: Inventory) -> Held:
    """Write over the one that was read; ConflictError if somebody else did so meanwhile."""
    if inventory == held.inventory:
        return held
    secret = _secret(held.namespace, inventory, held.resource_version)
    return _held(client.replace(secret), held.namespace, inventory)


def change(held: Held, **fields: Any) -> Inventory:
    """The held inventory with some fields changed."""
    return msgspec.structs.replace(held.inventory, **fields)


def _held(secret: dict[str, Any], namespace: str, inventory: Inventory) -> Held:
    return Held(inventory, str(secret["metadata"]["resourceVersion"]), namespace)


def _secret(namespace: str, inventory: Inventory, version: str | None) -> dict[str, Any]:
    data = documents.encode(inventory)
    if len(data) > MAX_BYTES:
        raise ClusterError(
            f"the inventory of {inventory.product} would have {len(data)} bytes "
            f"({len(inventory.objects)} objects); one Secret holds {MAX_BYTES}",
            "Ask the vendor to split the product; this version writes the inventory in one piece.",
        )
    metadata: dict[str, Any] = {
        "name": secret_name(inventory.product),
        "namespace": namespace,
        "labels": {
            "app.kubernetes.io/managed-by": "airferry",
            LABEL: "true",
            "airferry.dev/environment": inventory.environment,
            "airferry.dev/product": inventory.product,
        },
    }
    if version is not None:
        metadata["resourceVersion"] = version
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "airferry.dev/inventory",
        "metadata": metadata,
        "data": {_KEY: base64.b64encode(data).decode()},
    }
