"""plan.json: exactly what an apply will do; people approve its digest.

The plan carries what `approve` needs to show it on a machine that has nothing else. The objects
themselves stand in the rendered release, in the state folder, under `rendered`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from airferry_archive.release import Name
from airferry_foundation.digests import Digest
from airferry_foundation.documents import Document
from airferry_installer.approving.windows import Calendar

SCHEMA = "airferry.plan/v1"
MAX_BYTES = 64 << 20

Operation = Literal["install", "upgrade", "rollback"]
Action = Literal["create", "update", "unchanged", "replace", "prune", "run", "conflict"]
Danger = Literal[
    "deletes data",
    "widens rights",
    "host access",
    "privileged",
    "immutable field",
    "foreign image",
    "site patch",
]


class ObjectRef(Document, frozen=True, kw_only=True):
    """Which object: `namespace` is empty for cluster-wide kinds."""

    api_version: str
    kind: str
    namespace: str = ""
    name: str


def ref_of(body: Mapping[str, Any]) -> ObjectRef:
    """Which object a body is."""
    metadata = body["metadata"]
    return ObjectRef(
        api_version=body["apiVersion"],
        kind=body["kind"],
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
    )


class FieldChange(Document, frozen=True, kw_only=True):
    """One field: JSON text before and after; None where it is not there.

    Secret data never stands here: `before` and `after` then hold an HMAC, and `secret` is true.
    """

    path: str
    before: str | None = None
    after: str | None = None
    secret: bool = False


class Conflict(Document, frozen=True, kw_only=True):
    """A field that another manager owns."""

    path: str
    manager: str


class PlannedDanger(Document, frozen=True, kw_only=True):
    """Something a person must see before agreeing."""

    danger: Danger
    text: str


class Step(Document, frozen=True, kw_only=True):
    """What happens to one object.

    `live` is the digest of the uid and owned fields the plan saw, None for a new object. `tried` is
    false where the server could not be asked yet (its namespace or kind is made by this very plan).
    """

    object: ObjectRef
    action: Action
    phase: str
    fields: tuple[FieldChange, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    dangers: tuple[PlannedDanger, ...] = ()
    live: Digest | None = None
    uid: str | None = None
    tried: bool = True
    hook: str | None = None


class ImageChange(Document, frozen=True, kw_only=True):
    """An image of the release against the one that runs, as local pinned references."""

    name: str
    before: str | None = None
    after: str | None = None


class Running(Document, frozen=True, kw_only=True):
    """What an environment runs: the revision an inventory holds."""

    revision: int = 0
    product: Name
    version: str
    release: Digest
    rendered: Digest
    plan: Digest | None = None
    epoch: int
    release_counter: int


class Plan(Document, frozen=True, kw_only=True):
    """A plan.

    It holds no time: two plans of an unchanged world are the same bytes and have the same digest,
    which is what people approve. When it was made stands in the journal, in the HTML page and in
    the request.
    """

    schema: Literal["airferry.plan/v1"]
    operation: Operation
    customer: Name
    environment: Name
    product: Name
    version: str
    release: Digest
    release_counter: int
    epoch: int
    rendered: Digest
    inputs: Digest
    """Over values and inputs (secret ones by HMAC under the site key)."""
    cluster: str
    """The kube-system namespace's uid."""
    kubernetes: str
    """The server's version when the plan was made."""
    revision: int
    """The environment's revision when the plan was made; apply makes revision + 1."""
    running: Running | None = None
    policy: Digest | None = None
    calendar: Calendar | None = None
    """When the policy lets it be applied, for those who approve; None: that is not ruled."""
    steps: tuple[Step, ...]
    images: tuple[ImageChange, ...] = ()
    values: tuple[FieldChange, ...] = ()
    read: tuple[str, ...] = ()
    """What charts looked up in the cluster while they rendered."""
    irreversible: tuple[str, ...] = ()
    """What a back-out can't undo, one line each."""
    namespace: str
    """The namespace of the inventory."""
