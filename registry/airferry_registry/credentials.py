"""Logins for registries, from Docker's config.json: auths, credHelpers, credsStore.

Source: docker/cli, "Credential stores" and docker-credential-helpers' protocol (the server's name
on stdin, JSON on stdout). A password is never shown: not in a repr, not in an error.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from airferry_foundation import files, process
from airferry_foundation.errors import (
    InputError,
    ProgramFailedError,
    ProgramMissingError,
    RegistryDeniedError,
)
from airferry_registry.references import DOCKER_HUB

MAX_BYTES = 1 << 20
HELPER_SECONDS = 30
_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io")
_TOKEN_USER = "<token>"  # noqa: S105 - the name by which a helper says: the secret is a token
_NOT_FOUND = "credentials not found"


@dataclass(frozen=True, slots=True)
class Login:
    """A user's name and password for one host, or an identity token in place of the password."""

    username: str
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of a Basic Authorization header (RFC 7617)."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


class _Auth(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _Config(
    msgspec.Struct, frozen=True, rename={"helpers": "credHelpers", "store": "credsStore"}
):
    auths: dict[str, _Auth | None] | None = None  # Go's programs write null for what is empty
    helpers: dict[str, str] | None = None
    store: str | None = None


class _HelperAnswer(msgspec.Struct, frozen=True, rename="pascal"):
    username: str = ""
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where logins are looked up; `NONE` knows none."""

    auths: Mapping[str, Login] = field(default_factory=dict, repr=False)
    helpers: Mapping[str, str] = field(default_factory=dict)
    store: str = ""

    @classmethod
    def from_docker_config(cls, path: Path | None = None) -> Credentials:
        """Read config.json: `path`, else $DOCKER_CONFIG, else ~/.docker; none there: no logins.

        A `path` that was named must exist. Raises InputError for a file that can't be read.
        """
        chosen = path or _default_path()
        if path is None and not chosen.exists():
            return NONE
        data = files.read_capped(chosen, MAX_BYTES)
        try:
            config = msgspec.json.decode(data, type=_Config)
            auths = {_host_of(key): _login(auth) for key, auth in (config.auths or {}).items()}
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            kind = str(error) if isinstance(error, msgspec.ValidationError) else "not valid"
            raise InputError(
                f"{chosen} is not a docker configuration: {kind}",
                "Mend it, or log in again with docker, podman, skopeo or oras.",
            ) from None
        known = {host: login for host, login in auths.items() if login}
        return cls(known, config.helpers or {}, config.store or "")

    def for_host(self, host: str) -> Login | None:
        """The login for a registry's `host[:port]`: its own helper, the store, then `auths`."""
        names = (host, *_HUB_KEYS) if host == DOCKER_HUB else (host,)
        for name in names:
            if name in self.helpers:
                return _ask(self.helpers[name], name)
        if self.store:
            for name in names:
                if login := _ask(self.store, name):
                    return login
        return self.auths.get(host)


NONE = Credentials()


def _default_path() -> Path:
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def _host_of(key: str) -> str:
    """A key of `auths` as a host: some programs write URLs."""
    if key in _HUB_KEYS:
        return DOCKER_HUB
    return key.removeprefix("https://").removeprefix("http://").split("/", 1)[0]


def _login(auth: _Auth | None) -> Login | None:
    if auth is None:
        return None
    username, password = auth.username, auth.password
    if auth.auth:
        try:
            pair = base64.b64decode(auth.auth, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise ValueError("auth") from None
        username, _, password = pair.partition(":")
        password = password.rstrip("\x00")
    if not username and not auth.identitytoken:
        return None
    return Login(username, password, auth.identitytoken)


def _ask(helper: str, host: str) -> Login | None:
    """Ask a credential helper; None where it holds nothing for `host`."""
    program = f"docker-credential-{helper}"
    if "/" in helper:
        raise InputError(f"credential helper {helper!r} is not a plain name")
    hint = f"Try `echo {host} | {program} get`, then log in again."
    try:
        done = process.run(
            [program, "get"], input=host.encode(), timeout=HELPER_SECONDS, inherit=True
        )
    except ProgramMissingError as error:
        raise ProgramMissingError(
            f"the login for {host} is kept by {program}, which is not on PATH",
            f"Install {program}, or log in to {host} without it.",
        ) from error
    if done.code != 0:
        said = (done.stdout.decode(errors="replace").strip() or done.complaint)[:500]
        if _NOT_FOUND in said:
            return None
        raise ProgramFailedError(f"{program} has no login for {host}: {said}", hint)
    try:
        answer = msgspec.json.decode(done.stdout, type=_HelperAnswer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RegistryDeniedError(f"{program} gave an unreadable answer for {host}", hint) from None
    if answer.username == _TOKEN_USER:
        return Login("", "", answer.secret)
    return Login(answer.username, answer.secret)
