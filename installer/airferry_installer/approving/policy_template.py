"""The words of `policy init`, read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from airferry_foundation import files
from airferry_foundation.errors import InputError
from airferry_installer.approving.policy import Person
from airferry_signing import sshsig


def person(text: str) -> tuple[str, Person]:
    """`NAME=KEY.pub[,KEY.pub][:role,role]` as a name and a person; InputError."""
    name, equals, rest = text.partition("=")
    keys, _, roles = rest.partition(":")
    if not (name and equals and keys):
        raise InputError(
            f"{text!r} describes no person", "Write NAME=KEY.pub, or NAME=KEY.pub:role,role."
        )
    return name, Person(
        keys=tuple(_key(Path(path)) for path in keys.split(",")),
        roles=tuple(role for role in roles.split(",") if role),
    )


def counts(texts: Iterable[str]) -> dict[str, int]:
    """`ROLE=COUNT` words; InputError."""
    found: dict[str, int] = {}
    for text in texts:
        role, _, count = text.partition("=")
        if not role or not count.isdigit() or int(count) < 1:
            raise InputError(f"{text!r} is no count of a role", "Write ROLE=COUNT, such as ops=1.")
        found[role] = int(count)
    return found


def _key(path: Path) -> str:
    data = files.read_capped(path, 4096)
    return sshsig.read_public(data.decode(errors="replace"), name=str(path)).text
