"""The words of `policy init`, read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec

from airferry_foundation import files
from airferry_foundation.errors import InputError
from airferry_installer.approving.policy import Person
from airferry_installer.approving.windows import Freeze, Window
from airferry_signing import sshsig

Ruled = TypeVar("Ruled", Window, Freeze)


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


def window(text: str) -> Window:
    """`mon,tue 22:00-04:00 Europe/Berlin` as a window; InputError."""
    match = re.fullmatch(r"(\S+) ([0-9:]+)-([0-9:]+) (\S+)", text)
    if match is None:
        raise InputError(f"{text!r} is no window", "Write 'mon,tue 22:00-04:00 Europe/Berlin'.")
    days, begin, end, zone = match.groups()
    return _made(text, Window, {"days": days.split(","), "from": begin, "to": end, "zone": zone})


def freeze(text: str) -> Freeze:
    """`2026-12-20..2027-01-06 Europe/Berlin why` as a freeze; InputError."""
    match = re.fullmatch(r"(\S+)\.\.(\S+) (\S+) ?(.*)", text)
    if match is None:
        raise InputError(f"{text!r} is no freeze", "Write '2026-12-20..2027-01-06 Europe/Berlin'.")
    begin, end, zone, why = match.groups()
    return _made(text, Freeze, {"from": begin, "until": end, "zone": zone, "reason": why})


def _made(text: str, kind: type[Ruled], fields: dict[str, object]) -> Ruled:
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{text!r} can't be used: {error}") from None


def _key(path: Path) -> str:
    data = files.read_capped(path, 4096)
    return sshsig.read_public(data.decode(errors="replace"), name=str(path)).text
