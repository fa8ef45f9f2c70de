"""YAML as Kubernetes reads it: streams of plain data, with the scalars of Helm and kubectl.

Both read YAML 1.1 through sigs.k8s.io/yaml (a fork of goyaml v2), whose scalars differ from
PyYAML's: `y` is true, `12:30` is text, `1e3` is a number, a date is text, `1.0` is 1. A test
compares this reader with Helm's own. Aliases may not expand to more than MAX_NODES.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from airferry_foundation.errors import ChartError

MAX_BYTES = 64 << 20
MAX_NODES = 2_000_000
MAX_DEPTH = 60

_Base: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"[-+]?(?:0[bB][01]+|0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DOTTED = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+)?")
_ENDLESS = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE"), True),
    **dict.fromkeys(("on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE"), False),
    **dict.fromkeys(("off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}  # fmt: skip


class _EndlessError(ValueError):
    """A number that JSON can't say."""


def scalar(text: str) -> Any:
    """What an unquoted scalar means to Kubernetes."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _ENDLESS.fullmatch(text):
        raise _EndlessError(text)
    if text[0] == "." and not _DOTTED.fullmatch(text):
        return text
    plain = text.replace("_", "")
    if _INTEGER.fullmatch(plain):
        return _integer(plain, text)
    if _FLOAT.fullmatch(plain):
        return number(float(plain), text)
    return text


def number(value: float, text: str = "") -> int | float | str:
    """A float as JSON and Kubernetes write it: whole ones are integers."""
    if not math.isfinite(value):
        return text
    return int(value) if value.is_integer() and abs(value) < 2**63 else value


def _integer(plain: str, text: str) -> int | float | str:
    sign = -1 if plain[0] == "-" else 1
    digits = plain.lstrip("+-")
    if digits[0] == "0" and digits[1:].isdigit():
        digits = f"0o{digits[1:]}"
    try:
        value = sign * int(digits, 0)
        return value if -(2**63) <= value < 2**64 else float(value)
    except (OverflowError, ValueError):  # hundreds of digits: text, as for goyaml
        return text


class _Loader(_Base):  # type: ignore[misc] # PyYAML's C loader is a type only when it is built
    """Plain data only; scalars by `scalar`; keys always text."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own way of saying so


def _construct_plain(_loader: Any, node: yaml.ScalarNode) -> Any:
    try:
        return scalar(node.value)
    except _EndlessError:
        raise _problem(node, f"{node.value} is no number that Kubernetes takes") from None


def _construct_map(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    return {_key(loader, k): loader.construct_object(v, deep=True) for k, v in node.value}


def _key(loader: Any, node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise _problem(node, "a key must be plain text")
    value = loader.construct_object(node)
    if value is None:
        raise _problem(node, "a key may not be empty")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _construct_unknown(_loader: Any, node: yaml.Node) -> Any:
    raise _problem(node, f"tag {node.tag} is not allowed")


def _problem(node: yaml.Node, text: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, text, node.start_mark)


def _construct_text(_loader: Any, node: yaml.ScalarNode) -> str:
    return str(node.value)


_PLAIN = "airferry:plain"
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile("<<$"), ["<"])
_Loader.add_implicit_resolver(_PLAIN, re.compile(""), None)
for _kind in ("bool", "int", "float", "null"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _construct_plain)
_Loader.add_constructor(_PLAIN, _construct_plain)
_Loader.add_constructor("tag:yaml.org,2002:str", _construct_text)
_Loader.add_constructor("tag:yaml.org,2002:merge", _construct_text)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_map)
_Loader.add_constructor(None, _construct_unknown)


def load_all(data: bytes, *, name: str) -> Iterator[tuple[int, Any]]:
    """Each document of a stream with the line it begins on (from 1); empty ones are left out.

    ChartError names the file and the line: not YAML, a tag, an alias bomb, too deep.
    """
    if len(data) > MAX_BYTES:
        raise ChartError(f"{name} has {len(data)} bytes; at most {MAX_BYTES} are read")
    try:
        yield from _documents(data.decode(), name)
    except UnicodeDecodeError:
        raise ChartError(f"{name} is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ChartError(f"{name}, line {line}: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ChartError(f"{name} can't be read as YAML: {str(error)[:200]}") from None


def _documents(text: str, name: str) -> Iterator[tuple[int, Any]]:
    loader = _Loader(text)
    left = [MAX_NODES]
    try:
        while loader.check_node():
            node = loader.get_node()
            value = loader.construct_document(node)
            _measure(value, 0, left, name)
            if value is not None:
                yield node.start_mark.line + 1, value
    finally:
        loader.dispose()


def _measure(value: Any, depth: int, left: list[int], name: str) -> None:
    """Count what the data would be with every alias written out; refuse bombs and loops."""
    left[0] -= 1
    if left[0] < 0 or depth > MAX_DEPTH:
        raise ChartError(f"{name} is nested too deeply or its aliases expand to too much")
    if isinstance(value, dict):
        for item in value.values():
            _measure(item, depth + 1, left, name)
    elif isinstance(value, list):
        for item in value:
            _measure(item, depth + 1, left, name)
