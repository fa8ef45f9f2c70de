"""What follows from a plan as a whole: images and values that change, what stays done. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from airferry_foundation.errors import ImageReferenceError
from airferry_installer.planning.plan import FieldChange, ImageChange, ObjectRef, Step
from airferry_installer.planning.rendered import Rendered
from airferry_registry import references

_UNDONE_BY_NOBODY = "deletes data"


def images(before: Rendered | None, after: Rendered) -> tuple[ImageChange, ...]:
    """The images that differ, as local pinned references; all of them where nothing ran."""
    old, new = _by_repository(before.images if before else {}), _by_repository(after.images)
    return tuple(
        ImageChange(name=name, before=old.get(name), after=new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _by_repository(found: Mapping[str, str]) -> dict[str, str]:
    """By name without tag, so that a new tag is a change of one image; with it where two share."""
    names = {full: _repository(full) for full in found}
    count = Counter(names.values())
    return {(names[n] if count[names[n]] == 1 else n): local for n, local in found.items()}


def _repository(full: str) -> str:
    try:
        return references.parse(full).name
    except ImageReferenceError:
        return full


def values(before: Rendered | None, after: Rendered) -> tuple[FieldChange, ...]:
    """The values and inputs that differ; none at a first install, where all are new."""
    if before is None:
        return ()
    old, new = before.values, after.values
    return tuple(
        FieldChange(
            path=path,
            before=old.get(path),
            after=new.get(path),
            secret=any(
                v is not None and v.startswith("hmac:") for v in (old.get(path), new.get(path))
            ),
        )
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    )


def irreversible(steps: Iterable[Step]) -> tuple[str, ...]:
    """One line for each thing that a back-out can't undo."""
    return tuple(line for step in steps for line in _lines(step))


def _lines(step: Step) -> Iterator[str]:
    name = shown(step.object)
    if step.action == "run":
        yield f"what {name} does when it runs ({step.hook}) stays done"
    if step.action == "prune" and step.object.kind == "Secret":
        yield f"{name} is deleted; generated values in it are gone"
    for danger in step.dangers:
        if danger.danger == _UNDONE_BY_NOBODY:
            yield f"{name}: {danger.text}"
    if step.action == "update" and step.object.kind == "CustomResourceDefinition":
        yield f"objects that are stored under the new schema of {name} stay as they are"


def shown(ref: ObjectRef) -> str:
    """`Deployment shop/web`, for people."""
    return f"{ref.kind} {ref.namespace}/{ref.name}" if ref.namespace else f"{ref.kind} {ref.name}"
