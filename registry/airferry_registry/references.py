"""Image references: `[host[:port]/]path[:tag][@digest]`, and where each one lives at a customer.

Source: distribution/reference, "Grammar", with Docker's defaults (docker.io, library/, latest).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airferry_foundation.digests import is_digest
from airferry_foundation.errors import ImageReferenceError

DOCKER_HUB = "docker.io"
MAX_REPOSITORY = 255

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_HINT = (
    "Write it as host/path:tag or host/path@sha256:…; paths are lower case, and logins stand in "
    "Docker's configuration."
)


@dataclass(frozen=True, slots=True)
class Reference:
    """One image, chart or artifact in a registry; at least one of `tag` and `digest` is set."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def name(self) -> str:
        """Without tag and digest: `docker.io/library/redis`."""
        return f"{self.registry}/{self.repository}"

    @property
    def version(self) -> str:
        """What to ask a registry for: the digest where there is one, else the tag."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        """The whole reference, which parses to the same again."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{f'@{self.digest}' if self.digest else ''}"


def parse(text: str) -> Reference:
    """A reference out of text, with Docker's defaults; ImageReferenceError if it is none."""
    rest, digest = _cut(text, "@")
    if digest is not None and not is_digest(digest):
        raise ImageReferenceError(f"{text!r}: {digest!r} is not a sha256 digest", _HINT)
    host, path = _split_host(rest)
    path, tag = _split_tag(path)
    if host == DOCKER_HUB and path and "/" not in path:
        path = f"library/{path}"
    _check(text, host, path, tag)
    if tag is None and digest is None:
        tag = "latest"
    return Reference(host, path, tag, digest)


def parse_oci(text: str) -> Reference:
    """`oci://host/path[:tag|@digest]`: the host must stand there, and no tag is made up."""
    rest = text.removeprefix("oci://")
    host, slash, path = rest.partition("/")
    if rest == text or not slash or not path:
        raise ImageReferenceError(
            f"{text[:300]!r} is no address of a repository", "Write it as oci://HOST/REPOSITORY."
        )
    path, digest = _cut(path, "@")
    if digest is not None and not is_digest(digest):
        raise ImageReferenceError(f"{text!r}: {digest!r} is not a sha256 digest", _HINT)
    path, tag = _split_tag(path)
    _check(text, host, path, tag)
    return Reference(host, path, tag, digest)


def _cut(text: str, mark: str) -> tuple[str, str | None]:
    before, found, after = text.partition(mark)
    return before, after if found else None


def _split_tag(path: str) -> tuple[str, str | None]:
    head, slash, last = path.rpartition("/")
    last, tag = _cut(last, ":")
    return f"{head}{slash}{last}", tag


def _split_host(text: str) -> tuple[str, str]:
    """Docker's rule: the first part is a host if it has a dot, port or capital, or is localhost."""
    first, slash, rest = text.partition("/")
    is_host = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if not slash or not is_host:
        return DOCKER_HUB, text
    return (DOCKER_HUB if first in {"index.docker.io", "registry-1.docker.io"} else first), rest


def _check(text: str, host: str, path: str, tag: str | None) -> None:
    shown = repr(text[:300])
    if not _HOST.fullmatch(host):
        raise ImageReferenceError(f"{shown}: {host[:80]!r} is not a registry's address", _HINT)
    if not _REPOSITORY.fullmatch(path) or len(path) > MAX_REPOSITORY:
        raise ImageReferenceError(f"{shown}: {path[:80]!r} is not a repository's path", _HINT)
    if tag is not None and not _TAG.fullmatch(tag):
        raise ImageReferenceError(f"{shown}: {tag[:80]!r} is not a tag", _HINT)


def local_repository(original: str, *, flatten: bool = False) -> str:
    """Where an image lives in a customer's registry: its original host and full path.

    `127.0.0.1:5000/shop/web:1` gives `127.0.0.1-5000/shop/web`. `flatten` makes one part of it
    (`127.0.0.1-5000-shop-web`), for registries that allow no nested paths.
    """
    reference = parse(original)
    host = re.sub(r"[^a-z0-9.]+", "-", reference.registry.lower()).strip("-.")
    path = f"{host}/{reference.repository}"
    return path.replace("/", "-") if flatten else path


@dataclass(frozen=True, slots=True)
class LocalNames:
    """The one mapping from original names (`host/path`) to local repositories; injective."""

    repositories: Mapping[str, str]

    @classmethod
    def of(cls, originals: Iterable[str], *, flatten: bool = False) -> LocalNames:
        """Map every reference; ImageReferenceError names two that would share a repository."""
        repositories: dict[str, str] = {}
        takers: dict[str, str] = {}
        for original in originals:
            name = parse(original).name
            local = local_repository(original, flatten=flatten)
            taker = takers.setdefault(local, name)
            if taker != name:
                raise ImageReferenceError(
                    f"{taker} and {name} would both become {local} in the local registry",
                    "Rename one of them" + (", or do without flatten." if flatten else "."),
                )
            repositories[name] = local
        return cls(repositories)

    def repository(self, original: str) -> str:
        """The local repository of a reference; ImageReferenceError if it was not mapped."""
        name = parse(original).name
        try:
            return self.repositories[name]
        except KeyError:
            raise ImageReferenceError(
                f"{name} is no image of this release",
                "Add it to images: in airferry.yaml, or correct the reference.",
            ) from None
