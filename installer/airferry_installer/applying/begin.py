"""Taking the turn: the one write that uses up approvals and keeps a second installer out.

`judge` is pure: may this plan begin, does it go on where it was cut, is it done? `begin` then
writes {revision + 1, plan, applying} with the resourceVersion that was judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from airferry_foundation import digests
from airferry_foundation.errors import ApprovalError, ClusterBusyError, ConflictError
from airferry_installer.applying import inventory
from airferry_installer.applying.inventory import Cluster, Held, Inventory, InventoryObject, Word
from airferry_installer.applying.order import identity
from airferry_installer.planning.plan import ObjectRef, Plan, Running

Turn = Literal["fresh", "resume", "done"]


def judge(held: Held | None, plan: Plan, digest: str) -> Turn:
    """What an apply of this plan would be.

    ApprovalError: its approvals are used up. ClusterBusyError: another plan is being applied.
    ConflictError: the environment is at another revision than the plan was made for.
    """
    if held is None:
        if plan.revision:
            raise _moved(plan, 0)
        return "fresh"
    found = held.inventory
    if (found.product, found.environment) != (plan.product, plan.environment):
        raise ConflictError(
            f"namespace {held.namespace} holds the inventory of {found.product} in environment "
            f"{found.environment!r}, not {plan.product} in {plan.environment!r}",
            "Give each environment of a cluster its own inventory_namespace in site.yaml.",
        )
    if found.plan == digest and found.revision == plan.revision + 1:
        return _again(found)
    if found.state in ("applying", "backing-out"):
        raise _busy(found)
    used = found.has_consumed(digest)
    if used is not None:
        raise ApprovalError(
            f"plan {digests.short(digest)} was applied as revision {used}; its approvals are used "
            f"up, and {plan.environment} is at revision {found.revision} now",
            "Make a new plan and have it approved.",
        )
    if found.revision != plan.revision:
        raise _moved(plan, found.revision)
    return "fresh"


def begin(
    client: Cluster,
    held: Held | None,
    plan: Plan,
    digest: str,
    objects: Iterable[InventoryObject],
    word: Word | None = None,
) -> Held:
    """Take the turn for a fresh plan; ClusterBusyError if somebody else was faster."""
    revision = plan.revision + 1
    before = held.inventory if held else _empty(plan)
    after = Inventory(
        schema="airferry.inventory/v1",
        product=plan.product,
        environment=plan.environment,
        revision=revision,
        state="applying",
        plan=digest,
        running=before.running,
        previous=before.previous,
        target=target_of(plan, digest),
        objects=merged(before.objects, objects),
        consumed=before.consuming(digest, revision),
        word=max((one for one in (before.word, word) if one), key=lambda w: w.place, default=None),
    )
    try:
        if held is None:
            return inventory.create(client, plan.namespace, after)
        return inventory.update(client, held, after)
    except ConflictError as error:
        raise ClusterBusyError(
            f"another installer took its turn on {plan.product} in {plan.environment} just now",
            "Nothing was changed. See `status`, then plan anew.",
        ) from error


def target_of(plan: Plan, digest: str) -> Running:
    """What the environment runs once a plan is applied."""
    return Running(
        revision=plan.revision + 1,
        product=plan.product,
        version=plan.version,
        release=plan.release,
        rendered=plan.rendered,
        plan=digest,
        epoch=plan.epoch,
        release_counter=plan.release_counter,
    )


def planned(plan: Plan, held: Held | None, refs: Iterable[ObjectRef]) -> list[InventoryObject]:
    """The objects of a release as an inventory has them before they are applied.

    One that the plan found in the cluster, and that no inventory held, is adopted.
    """
    known = {identity(o.ref): o for o in (held.inventory.objects if held else ())}
    found = {identity(step.object): step.uid for step in plan.steps if step.uid is not None}
    return [
        known.get(identity(ref))
        or InventoryObject(
            ref=ref, uid=found.get(identity(ref)), adopted=found.get(identity(ref)) is not None
        )
        for ref in refs
    ]


def merged(
    known: Iterable[InventoryObject], more: Iterable[InventoryObject]
) -> tuple[InventoryObject, ...]:
    """Both, each object once, the later one wins; sorted."""
    every = {identity(item.ref): item for item in (*known, *more)}
    return tuple(every[key] for key in sorted(every))


def with_uids(
    objects: Iterable[InventoryObject], uids: Mapping[tuple[str, str, str, str], str]
) -> tuple[InventoryObject, ...]:
    """The objects with the uids that were seen when they were applied."""
    return tuple(
        InventoryObject(
            ref=item.ref, uid=uids.get(identity(item.ref), item.uid), adopted=item.adopted
        )
        for item in objects
    )


def _again(found: Inventory) -> Turn:
    if found.state in ("applying", "failed"):
        return "resume"
    if found.state == "applied":
        return "done"
    raise ApprovalError(
        f"this plan was begun as revision {found.revision} and is {_word(found)}; "
        "its approvals are used up",
        "Go on with: apply --backout" if found.state == "backing-out" else "Make a new plan.",
    )


def _busy(found: Inventory) -> ClusterBusyError:
    plan = digests.short(found.plan or "")
    return ClusterBusyError(
        f"plan {plan} of {found.product} in {found.environment} is {_word(found)} "
        f"(revision {found.revision})",
        "Let that installer finish. If it is gone, give its `apply` again, or apply --backout.",
    )


def _word(found: Inventory) -> str:
    words = {
        "applying": "being applied", "backing-out": "being backed out", "backed-out": "backed out",
    }  # fmt: skip
    return words.get(found.state, found.state)


def _moved(plan: Plan, revision: int) -> ConflictError:
    return ConflictError(
        f"the plan was made when {plan.environment} was at revision {plan.revision}; it is at "
        f"revision {revision} now; nothing was changed",
        "Make a new plan and have it approved.",
    )


def _empty(plan: Plan) -> Inventory:
    return Inventory(
        schema="airferry.inventory/v1",
        product=plan.product,
        environment=plan.environment,
        revision=0,
        state="applied",
    )
