"""What differs between an object as it is and as it would be: pure.

Both come from the server, so defaults and other managers' fields are in both. Fields are told in
the words of Kubernetes' field managers: `.spec.template.spec.containers[name="web"].image`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airferry_foundation import documents
from airferry_installer.planning.plan import FieldChange
from airferry_installer.planning.sealed_values import Mask
from airferry_rendering import generated
from airferry_rendering.objects import Object, is_secret
from airferry_rendering.pointers import MISSING

_SERVERS = (
    "managedFields",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "selfLink",
    "uid",
)
"""Metadata that the server alone writes."""

_IDENTIFYING = ("name", "containerPort", "port", "mountPath", "topologyKey", "key", "ip", "uid")


def compared(obj: Mapping[str, Any], left_out: Iterable[str] = ()) -> Object:
    """What of an object counts: no status, none of the server's own metadata, no `left_out`."""
    kept: Object = {key: value for key, value in obj.items() if key != "status"}
    kept["metadata"] = {k: v for k, v in obj["metadata"].items() if k not in _SERVERS}
    return generated.leave_out(kept, left_out)


def between(
    before: Object, after: Object, mask: Mask, made: Iterable[str] = ()
) -> tuple[FieldChange, ...]:
    """The fields that differ, sorted by path. Secret data is told as HMAC.

    `made` are generated fields: the word stands for each value that is new.
    """
    secret = is_secret(after)
    left, right = (mask.secret(generated.mask(compared(obj), made)) for obj in (before, after))
    return tuple(
        FieldChange(
            path=path,
            before=_text(old),
            after=_text(new),
            secret=secret and path.startswith(".data."),
        )
        for path, old, new in _differences(left, right, "")
    )


def _text(value: Any) -> str | None:
    return None if value is MISSING else documents.encode(value).decode()


def _differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            inner = f"{path}.{key}"
            yield from _differences(before.get(key, MISSING), after.get(key, MISSING), inner)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _in_lists(before, after, path)
    elif type(before) is not type(after) or before != after:
        yield path, before, after


def _in_lists(before: list[Any], after: list[Any], path: str) -> Iterator[tuple[str, Any, Any]]:
    key = _list_key(before, after)
    if key is not None:
        old, new = ({item[key]: item for item in items} for items in (before, after))
        for name in dict.fromkeys((*old, *new)):
            inner = f"{path}[{key}={documents.encode(name).decode()}]"
            yield from _differences(old.get(name, MISSING), new.get(name, MISSING), inner)
        if list(old) != list(new) and set(old) == set(new):
            yield path, list(old), list(new)  # the same items in another order
        return
    for position in range(max(len(before), len(after))):
        old_item = before[position] if position < len(before) else MISSING
        new_item = after[position] if position < len(after) else MISSING
        yield from _differences(old_item, new_item, f"{path}[{position}]")


def _list_key(*lists: list[Any]) -> str | None:
    """The field that tells the items of two lists apart, None where there is none."""
    items = [item for one in lists for item in one]
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    for key in _IDENTIFYING:
        if all(isinstance(item.get(key), (str, int)) for item in items) and all(
            len({item[key] for item in one}) == len(one) for one in lists
        ):
            return key
    return None


def owned_digest(live: Mapping[str, Any], desired: Object, mask: Mask, kept: Iterable[str]) -> str:
    """The digest of a live object's uid and of the fields that a release sets.

    `kept` are generated and ignored fields: what they hold does not count.
    """
    found = shaped(generated.leave_out(dict(live), kept), generated.leave_out(desired, kept))
    named = {**found, "metadata": {**desired["metadata"], **found.get("metadata", {})}}
    return documents.digest_of([live["metadata"].get("uid", ""), mask.secret(named)])


def shaped(live: Any, desired: Any) -> Any:
    """Of `live` only what `desired` has too."""
    if isinstance(live, dict) and isinstance(desired, dict):
        return {key: shaped(live[key], desired[key]) for key in desired if key in live}
    if isinstance(live, list) and isinstance(desired, list) and len(live) == len(desired):
        return [shaped(one, other) for one, other in zip(live, desired, strict=True)]
    return live
