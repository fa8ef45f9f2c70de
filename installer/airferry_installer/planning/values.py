"""Values and inputs: vendor < site < inputs; where inputs go; secrets kept apart.

An input that the release marks `generated` and the site does not set gets a random value, another
one for each of the two renders: what follows from it is then found as generated, and keeps its live
value like everything that a chart makes at random.
"""

from __future__ import annotations

import difflib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airferry_archive.release import Input, InputTarget, Release
from airferry_foundation import files
from airferry_foundation.errors import InputError
from airferry_installer.site import Environment, InputValue, SecretSource

MAX_SECRET = 1 << 20
MAX_VALUES = 4 << 20
_TYPES = {"string": str, "integer": int, "boolean": bool}


@dataclass(frozen=True, slots=True)
class GivenInput:
    """An input and its value; `made` means that it is random, anew at each render."""

    input: Input
    value: str | int | bool = field(repr=False)
    made: bool = False


def given_inputs(
    release: Release, environment: Environment, site_folder: Path, *, only_product: bool
) -> tuple[GivenInput, ...]:
    """The value of every input of a release.

    `only_product`: the site has this product alone, so an input that the release does not know is a
    mistake. InputError names every input that is missing, unknown, or of the wrong type.
    """
    problems: list[str] = []
    known = {entry.name: entry for entry in release.inputs}
    if only_product:
        problems += [_unknown(name, known) for name in environment.inputs if name not in known]
    given: list[GivenInput] = []
    for entry in release.inputs:
        try:
            value = _value(entry, environment.inputs.get(entry.name), site_folder)
        except InputError as error:
            problems.append(error.message)
        else:
            if value is not None:
                given.append(value)
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise InputError(
            f"the inputs of this environment have {len(problems)} mistakes:\n{listed}"
            if len(problems) > 1
            else problems[0],
            "Correct `inputs` of the environment in site.yaml.",
        )
    return tuple(given)


def again(given: Iterable[GivenInput]) -> tuple[GivenInput, ...]:
    """The same inputs with new random values, for the second render."""
    return tuple(_made(item.input) if item.made else item for item in given)


def _unknown(name: str, known: Mapping[str, Input]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else f"; it has: {', '.join(known) or 'none'}"
    return f"the release has no input {name!r}{meant}"


def _value(entry: Input, written: InputValue | None, site_folder: Path) -> GivenInput | None:
    if written is None:
        if entry.generated:
            return _made(entry)
        if entry.default is None:
            raise InputError(f"input {entry.name!r} is not set ({entry.help or entry.type})")
        return GivenInput(entry, entry.default)
    if isinstance(written, SecretSource):
        return GivenInput(entry, _converted(entry, _read(entry, written, site_folder)))
    if entry.secret:
        raise InputError(
            f"input {entry.name!r} is secret: give `{{file: …}}` or `{{env: …}}`, not the value"
        )
    expected = _TYPES[entry.type]
    if type(written) is not expected:
        raise InputError(f"input {entry.name!r}: expected {entry.type}, found {written!r}")
    return GivenInput(entry, written)


def _made(entry: Input) -> GivenInput:
    return GivenInput(entry, secrets.token_urlsafe(24), made=True)


def _read(entry: Input, source: SecretSource, site_folder: Path) -> str:
    if source.env is not None:
        text = os.environ.get(source.env)
        if text is None:
            raise InputError(f"input {entry.name!r}: the variable {source.env} is not set")
        return text
    path = site_folder / Path(str(source.file)).expanduser()
    try:
        text = files.read_capped(path, MAX_SECRET).decode()
    except UnicodeDecodeError:
        raise InputError(f"input {entry.name!r}: {path} is not UTF-8 text") from None
    except InputError as error:
        raise InputError(f"input {entry.name!r}: {error.message}") from None
    return text.removesuffix("\n").removesuffix("\r")


def _converted(entry: Input, text: str) -> str | int | bool:
    """What a file or variable says, in the input's type; the text is never part of a message."""
    if entry.type == "string":
        return text
    if entry.type == "integer" and text.strip().lstrip("-").isdigit():
        return int(text)
    if entry.type == "boolean" and text.strip() in ("true", "false"):
        return text.strip() == "true"
    raise InputError(f"input {entry.name!r}: expected {entry.type}, found other text")


# --- where they go --------------------------------------------------------------------------------


def site_values(
    environment: Environment, product: str, site_folder: Path
) -> tuple[tuple[str, bytes], ...]:
    """(name, bytes) of the site's values files for a product."""
    named = environment.values.get(product, ())
    return tuple(
        (name, files.read_capped(site_folder / Path(name).expanduser(), MAX_VALUES))
        for name in named
    )


def chart_values(given: Iterable[GivenInput], chart: str) -> dict[str, Any]:
    """The values that inputs give to a chart."""
    values: dict[str, Any] = {}
    for item in given:
        for target in item.input.to:
            if target.chart == chart:
                _put(values, dotted(target.path), item)
    return values


def manifest_targets(given: Iterable[GivenInput], name: str) -> Iterator[tuple[InputTarget, Any]]:
    """(target, value) of each input that goes into a manifests entry."""
    for item in given:
        for target in item.input.to:
            if target.manifest == name:
                yield target, item.value


def dotted(path: str) -> tuple[str, ...]:
    r"""The parts of a value's path as Helm's `--set` writes it: `a.b`, a dot in a key as `\.`."""
    mark = "\0"
    return tuple(part.replace(mark, ".") for part in path.replace("\\.", mark).split("."))


def _put(values: dict[str, Any], parts: tuple[str, ...], item: GivenInput) -> None:
    *way, last = parts
    for part in way:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise InputError(
                f"input {item.input.name!r} goes below {part!r}, which another input sets",
                "This is a mistake in the release; tell the vendor.",
            )
    values[last] = item.value
