"""YAML that people write: every mistake reported at once, each with its line.

Shape: compose to nodes (which know their lines) -> refuse duplicate keys -> plain data -> convert;
where that fails, list all problems with jsonschema over the type's own schema. A document is one
mapping.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from airferry_foundation import files
from airferry_foundation.errors import HandwrittenError
from airferry_foundation.grammar import NO_NEWLINE

MAX_BYTES = 1 << 20
MAX_VALUES = 100_000
"""Keys, list entries and values in a file, each alias counted as often as it stands for one."""

Place = tuple[str | int, ...]
"""The way from the top of a file to a value: keys and list positions."""

T = TypeVar("T")
_TAGS = {
    f"tag:yaml.org,2002:{kind}"
    for kind in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp")
}
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: its line (from 1) and what is wrong there."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Which line each place of a file stands on."""

    of: dict[Place, int]

    def at(self, place: Iterable[str | int]) -> int:
        """The line of a place, or of the nearest one around it."""
        path = tuple(place)
        while path and path not in self.of:
            path = path[:-1]
        return self.of.get(path, 1)


@dataclass(frozen=True, slots=True)
class Written:
    """A hand-written file, read: its name, plain data and lines."""

    name: str
    data: dict[str, Any]
    lines: Lines

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Raise HandwrittenError with all `problems`, if there are any."""
        _refuse(self.name, list(problems))


Check = Callable[[T, Lines], Iterable[Problem]]


def read(path: Path, kind: type[T], *, check: Check[T] | None = None) -> T:
    """Read a YAML file into `kind`; `check` may add problems that a schema can't say.

    Raises HandwrittenError with every problem and its line, MissingInput if the file is not there.
    """
    return parse(files.read_capped(path, MAX_BYTES), kind, name=str(path), check=check)


def parse(data: bytes, kind: type[T], *, name: str, check: Check[T] | None = None) -> T:
    """Like `read`, over bytes."""
    written = load(data, name=name)
    try:
        document = msgspec.convert(written.data, kind)
    except msgspec.ValidationError as error:
        written.refuse(_schema_problems(written, kind))
        raise HandwrittenError(f"{name}: {error}") from None
    if check:
        written.refuse(check(document, written.lines))
    return document


def load(data: bytes, *, name: str) -> Written:
    """Plain data and lines of a YAML mapping; refuses duplicate keys, tags and other documents."""
    try:
        node = yaml.compose(data.decode(), Loader=_Loader)
    except UnicodeDecodeError:
        raise HandwrittenError(f"{name}: not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        _refuse(name, [Problem(line, f"not YAML: {error.problem}")])
        raise AssertionError from None  # pragma: no cover - _refuse raised
    except yaml.YAMLError as error:  # such as a control character, found before there are lines
        raise HandwrittenError(f"{name}: not YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise HandwrittenError(f"{name}: nested too deeply") from None
    if not isinstance(node, yaml.MappingNode):
        raise HandwrittenError(f"{name}: expected `key: value` lines at the top")
    lines: dict[Place, int] = {}
    try:
        problems = list(_walk(node, (), lines, count(1)))
    except _TooMuch as found:
        problems = [found.problem]
    _refuse(name, problems)
    return Written(name, _construct(node, name), Lines(lines))


class _TooMuch(Exception):  # noqa: N818 - never leaves this module
    """A file means more than is allowed; `problem` says where that was noticed."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def _construct(node: yaml.Node, name: str) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # such as the 30th of February
        raise HandwrittenError(f"{name}: not YAML: {str(error).splitlines()[0]}") from None
    finally:
        loader.dispose()


def _walk(
    node: yaml.Node, place: Place, lines: dict[Place, int], visits: Iterator[int]
) -> Iterator[Problem]:
    lines[place] = node.start_mark.line + 1
    # Aliases of aliases: a small file can mean billions, under keys that stand twice even at
    # places that are known already.
    if next(visits) > MAX_VALUES:
        text = f"there are more than {MAX_VALUES:,} values up to here"
        raise _TooMuch(Problem(lines[place], text))
    if node.tag not in _TAGS:
        yield Problem(lines[place], f"tag {node.tag} is not allowed")
    if len(place) > 64:
        yield Problem(lines[place], "nested too deeply")
    elif isinstance(node, yaml.MappingNode):
        yield from _walk_mapping(node, place, lines, visits)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _walk(item, (*place, number), lines, visits)


def _walk_mapping(
    node: yaml.MappingNode, place: Place, lines: dict[Place, int], visits: Iterator[int]
) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag not in _TAGS:
            yield Problem(line, "a key must be plain text")
            continue
        if key.value in seen:
            yield Problem(line, f"key {key.value!r} stands already on line {seen[key.value]}")
        seen[key.value] = line
        yield from _walk(value, (*place, key.value), lines, visits)
        lines[*place, key.value] = line


def _refuse(name: str, problems: list[Problem]) -> None:
    if not problems:
        return
    listed = "\n".join(f"  line {p.line}: {p.text}" for p in sorted(set(problems)))
    told = "1 mistake" if len(set(problems)) == 1 else f"{len(set(problems))} mistakes"
    raise HandwrittenError(f"{name} has {told}:\n{listed}", "Mend the lines named above.")


# --- what a schema finds, in words ----------------------------------------------------------------


@cache
def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON schema of a type, as msgspec generates it."""
    return msgspec.json.schema(kind)


def _schema_problems(written: Written, kind: Any) -> Iterator[Problem]:
    import jsonschema  # slow to import, and needed for files with mistakes alone

    validator = jsonschema.Draft202012Validator(schema_of(kind))
    for error in validator.iter_errors(written.data):
        yield from _in_words(error, written.lines)


def _in_words(error: Any, lines: Lines) -> Iterator[Problem]:
    if error.validator in {"anyOf", "oneOf"} and error.context:
        yield from _best_branch(error, lines)
        return
    place = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        yield from _unknown_keys(error, place, lines)
        return
    words = _WORDS.get(str(error.validator))
    texts = words(error) if words else [f"{_shown(error.instance)}: {error.message}"]
    for text in texts:
        yield Problem(lines.at(place), f"{_dotted(place)}{text}")


def _best_branch(error: Any, lines: Lines) -> Iterator[Problem]:
    """Of a union's branches report the one of the right type, else what types are expected."""
    branches: dict[int, list[Any]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    fitting = [b for b in branches.values() if not any(_is_type_error(e, error) for e in b)]
    if fitting:
        for inner in min(fitting, key=len):
            yield from _in_words(inner, lines)
        return
    place = tuple(error.absolute_path)
    wanted = " or ".join(dict.fromkeys(_expected(e) for b in branches.values() for e in b))
    yield Problem(
        lines.at(place), f"{_dotted(place)}expected {wanted}, found {_shown(error.instance)}"
    )


def _is_type_error(inner: Any, outer: Any) -> bool:
    same_place = tuple(inner.absolute_path) == tuple(outer.absolute_path)
    return same_place and inner.validator in {"type", "enum", "const"}


_TYPES = {
    "object": "a mapping", "array": "a list", "string": "text", "integer": "a whole number",
    "number": "a number", "boolean": "true or false", "null": "nothing",
}  # fmt: skip


def _expected(error: Any) -> str:
    if error.validator == "enum":
        return " or ".join(map(repr, error.validator_value))
    if error.validator == "const":
        return repr(error.validator_value)
    kinds = error.validator_value
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return " or ".join(_TYPES.get(str(k), str(k)) for k in kinds)


def _type_words(error: Any) -> list[str]:
    quote = " (put it in quotes)" if error.validator_value == "string" else ""
    return [f"expected {_expected(error)}{quote}, found {_shown(error.instance)}"]


def _unknown_keys(error: Any, place: Place, lines: Lines) -> Iterator[Problem]:
    known = list(error.schema.get("properties", {}))
    for key in error.instance:
        if key not in known:
            text = f"unknown key {key!r}{_did_you_mean(str(key), known)}"
            yield Problem(lines.at((*place, key)), f"{_dotted(place)}{text}")


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def _required_words(error: Any) -> list[str]:
    missing = [key for key in error.validator_value if key not in error.instance]
    return [f"key {key!r} is missing" for key in missing]


_WORDS: dict[str, Callable[[Any], list[str]]] = {
    "type": _type_words,
    "enum": lambda e: [f"expected {_expected(e)}, found {_shown(e.instance)}"],
    "const": lambda e: [f"expected {_expected(e)}, found {_shown(e.instance)}"],
    "required": _required_words,
    "pattern": lambda e: [
        f"{_shown(e.instance)} does not fit {e.validator_value.removesuffix(NO_NEWLINE)}"
    ],
    "minimum": lambda e: [f"{e.instance} is below {e.validator_value}"],
    "maximum": lambda e: [f"{e.instance} is above {e.validator_value}"],
    "minItems": lambda e: [f"needs at least {e.validator_value} entries"],
    "maxItems": lambda e: [f"may have at most {e.validator_value} entries"],
    "minLength": lambda _: ["may not be empty"],
    "maxLength": lambda e: [f"is longer than {e.validator_value} characters"],
}


def _dotted(place: Place) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return f"{text}: " if text else ""


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(value) if value is not None else "nothing"
