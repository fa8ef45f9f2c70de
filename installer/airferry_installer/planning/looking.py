"""Looks at objects of a plan, several at once: what an apply would do to each of them.

Each is tried on the server (server-side apply, dry run, without force) and compared with the live
one. What can't be tried yet, since this very plan makes its namespace or kind, is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from airferry_foundation import documents
from airferry_foundation.errors import ObjectRefusedError
from airferry_foundation.progress import Progress
from airferry_installer.applying.inventory import Held, InventoryObject
from airferry_installer.cluster.client import (
    CONNECTIONS,
    ClusterClient,
    FieldConflictError,
    ImmutableFieldError,
)
from airferry_installer.planning import changes, dangers
from airferry_installer.planning.plan import Conflict, ObjectRef, Operation, Step, ref_of
from airferry_installer.planning.rendered import RenderedObject, effective
from airferry_installer.planning.sealed_values import Mask
from airferry_rendering import phases
from airferry_rendering.objects import Object, ObjectKey, group_of, key_of

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Made:
    """What this very plan makes: namespaces, and (group, kind) of CRDs."""

    namespaces: frozenset[str]
    kinds: frozenset[tuple[str, str]]


def made_by(client: ClusterClient, objects: Iterable[RenderedObject]) -> Made:
    """What a plan of these objects makes that the server does not have yet."""
    spaces, kinds = set(), set()
    for item in objects:
        body = item.body
        if body["kind"] == "Namespace" and client.get(ref_of(body)) is None:
            spaces.add(body["metadata"]["name"])
        elif body["kind"] == "CustomResourceDefinition":
            spec = body.get("spec", {})
            kinds.add((spec.get("group", ""), spec.get("names", {}).get("kind", "")))
    return Made(frozenset(spaces), frozenset(kinds))


class Looking:
    """Looks at every object of one plan, several at once."""

    def __init__(self, client: ClusterClient, mask: Mask, made: Made, held: Held | None) -> None:
        self._client, self._mask, self._made = client, mask, made
        self._inventory = {_key(o.ref): o for o in (held.inventory.objects if held else ())}

    def steps(
        self,
        objects: tuple[RenderedObject, ...],
        operation: Operation,
        progress: Progress,
    ) -> tuple[Step, ...]:
        """A step for every object that stays, every hook that runs, every object that goes."""
        wanted = [item for item in objects if _takes_part(item, operation)]
        task = progress.start("compare with the cluster", len(wanted), "items")

        def one(item: RenderedObject) -> Step | ObjectRefusedError:
            try:
                return self._hook(item) if item.hook else self._object(item)
            except ObjectRefusedError as error:
                return error
            finally:
                task.advance(1)

        found = _in_parallel(one, wanted)
        task.finish(f"{len(wanted)} objects compared")
        refused = [error for error in found if isinstance(error, ObjectRefusedError)]
        if refused:
            raise _refused(refused)
        steps = [step for step in found if isinstance(step, Step)]
        keys = {key_of(item.body) for item in objects}
        return (*steps, *self._prunes(keys))

    def _object(self, item: RenderedObject) -> Step:
        ref = ref_of(item.body)
        live = self._client.get(ref)
        body = effective(item, live)
        if live is None:
            tried = self._can_try(body)
            if tried:
                self._client.apply(body, dry_run=True)
            return _step(item, "create", dangers=dangers.of("create", None, body), tried=tried)
        seen = self._seen(item, live, body)
        if not self._can_try(body):
            return _step(item, "update", live=seen, uid=_uid(live), tried=False)
        try:
            after = self._client.apply(body, dry_run=True)
        except FieldConflictError as error:
            return self._conflict(item, live, body, error.conflicts)
        except ImmutableFieldError:
            return self._replacement(item, live, body)
        fields = changes.between(live, after, self._mask, item.generated)
        known = key_of(body) in self._inventory or _is_ours(live)
        action = "update" if fields or not known else "unchanged"
        found = dangers.of(action, live, after)
        return _step(item, action, fields=fields, dangers=found, live=seen, uid=_uid(live))

    def _conflict(
        self, item: RenderedObject, live: Object, body: Object, conflicts: tuple[Conflict, ...]
    ) -> Step:
        after = self._client.apply(body, dry_run=True, force=True)
        return _step(
            item,
            "conflict",
            fields=changes.between(live, after, self._mask, item.generated),
            conflicts=tuple(sorted(conflicts, key=lambda c: (c.path, c.manager))),
            dangers=dangers.of("conflict", live, after),
            live=self._seen(item, live, body),
            uid=_uid(live),
        )

    def _replacement(self, item: RenderedObject, live: Object, body: Object) -> Step:
        fields = changes.between(changes.shaped(live, body), body, self._mask, item.generated)
        return _step(
            item,
            "replace",
            fields=fields,
            dangers=dangers.of("replace", live, body),
            live=self._seen(item, live, body),
            uid=_uid(live),
        )

    def _hook(self, item: RenderedObject) -> Step:
        """A hook: tried where there is nothing left of an earlier run."""
        fresh = self._client.get(ref_of(item.body)) is None and self._can_try(item.body)
        if fresh:
            self._client.apply(item.body, dry_run=True)
        return _step(item, "run", dangers=dangers.of("run", None, item.body), tried=fresh)

    def _prunes(self, wanted: set[ObjectKey]) -> list[Step]:
        gone = [item for key, item in self._inventory.items() if key not in wanted]
        steps = [step for step in _in_parallel(self._prune, gone) if step is not None]
        return sorted(steps, key=lambda step: phases.order_of(_bare(step.object)), reverse=True)

    def _prune(self, item: InventoryObject) -> Step | None:
        """A deletion; none of what is gone, was made anew by others, was adopted or is to stay."""
        live = self._client.get(item.ref)
        if live is None or item.adopted or (item.uid and item.uid != _uid(live)):
            return None
        annotations = live["metadata"].get("annotations") or {}
        if annotations.get("helm.sh/resource-policy") == "keep":
            return None
        return Step(
            object=item.ref,
            action="prune",
            phase=phases.PRUNE,
            dangers=dangers.of("prune", live, None),
            live=documents.digest_of([_uid(live)]),
            uid=_uid(live),
        )

    def _can_try(self, body: Object) -> bool:
        """Whether the server knows the object's kind and namespace."""
        metadata = body["metadata"]
        if metadata.get("namespace") in self._made.namespaces:
            return False
        if (group_of(body["apiVersion"]), body["kind"]) not in self._made.kinds:
            return True
        return self._client.discovery().get(body["apiVersion"], body["kind"]) is not None

    def _seen(self, item: RenderedObject, live: Object, body: Object) -> str:
        kept = (*item.generated, *item.ignored)
        return changes.owned_digest(live, body, self._mask, kept)


def _takes_part(item: RenderedObject, operation: Operation) -> bool:
    hook = item.hook
    return hook is None or any(hook.runs_in(operation, m) for m in ("pre", "post"))


def _in_parallel(one: Callable[[T], R], items: Iterable[T]) -> list[R]:
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(one, items))


def _refused(errors: list[ObjectRefusedError]) -> ObjectRefusedError:
    listed = "\n".join(f"  {error.message}" for error in errors)
    count = "1 object" if len(errors) == 1 else f"{len(errors)} objects"
    return ObjectRefusedError(
        f"the cluster would refuse {count} of this release:\n{listed}",
        "Correct the values that lead there, or ask the cluster's administrators.",
    )


def _step(item: RenderedObject, action: str, **facts: object) -> Step:
    hook = item.hook.events[0] if item.hook else None
    made = {"object": ref_of(item.body), "action": action, "phase": item.phase, "hook": hook}
    return Step(**made, **facts)  # type: ignore[arg-type] # each caller gives a Step's own fields


def _key(ref: ObjectRef) -> ObjectKey:
    return ObjectKey(group_of(ref.api_version), ref.kind, ref.namespace, ref.name)


def _bare(ref: ObjectRef) -> Object:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": metadata}


def _uid(live: Object) -> str:
    return str(live["metadata"].get("uid", ""))


def _is_ours(live: Object) -> bool:
    """Whether Airferry has applied this object before."""
    entries = live["metadata"].get("managedFields") or []
    return any((e.get("manager"), e.get("operation")) == ("airferry", "Apply") for e in entries)
