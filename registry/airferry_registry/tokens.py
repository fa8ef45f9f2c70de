"""Who we are to a registry: Basic, or Bearer tokens from the realm that it names.

Credentials go to the registry's own host and to its token realm, and the realm only over https,
or, where the registry itself is plain HTTP, at the registry's own host and port.
Source: distribution, "Token Authentication Specification"; RFC 6750, RFC 7235.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from airferry_foundation import clock, http
from airferry_foundation.errors import RegistryDeniedError, RegistryError
from airferry_foundation.http import Response, TransportError
from airferry_registry import answers
from airferry_registry.credentials import Login
from airferry_registry.settings import origin_of

_CAP = 256 << 10
_EARLY = 15.0  # seconds before its end that a token is no longer used
_DEFAULT_LIFE = 60.0  # seconds, by the specification
_LONGEST = 8 << 10  # characters of a challenge that are read
_PART = re.compile(
    r'[\s,=]*(?:([A-Za-z_]{1,40})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))|([A-Za-z][\w-]{0,40}))'
)
_KNOWN = ("bearer", "basic")
"""The schemes that we know, the preferred one first."""

Ask = Callable[[str, str, Mapping[str, str], bytes | None], Response]
"""(method, URL, headers, body) → response, without any credentials of its own."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a 401 asks for."""

    scheme: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    until: float


class _Granted(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""
    expires_in: float = _DEFAULT_LIFE


def read_challenge(header: str) -> Challenge:
    """Read a WWW-Authenticate header: of several schemes the first one that we know best.

    Where none is known it is the first of all, and an empty one where there is none.
    """
    found: list[tuple[str, dict[str, str]]] = []
    text, at = header[:_LONGEST], 0
    while part := _PART.match(text, at):
        at = part.end()
        key, quoted, plain, scheme = part.groups()
        if scheme:
            found.append((scheme.lower(), {}))
        elif found:
            found[-1][1][key.lower()] = quoted if quoted is not None else plain
    known = sorted((one for one in found if one[0] in _KNOWN), key=lambda c: _KNOWN.index(c[0]))
    return Challenge(*(known or found or [("", {})])[0])


class Authority:
    """The Authorization headers for one registry; safe to use from several threads."""

    def __init__(self, origin: str, login: Login | None, ask: Ask) -> None:
        self._origin = origin
        self._login = login
        self._ask = ask
        self._lock = threading.Lock()
        self._basic = False
        self._challenge: Challenge | None = None
        self._tokens: dict[tuple[str, ...], _Token] = {}

    @property
    def name(self) -> str:
        """Who we are, for messages; '' without a login."""
        if self._login is None:
            return ""
        return self._login.username or "the stored token"

    def header(self, scopes: tuple[str, ...], what: str) -> str | None:
        """What to send along unasked, from what was learnt before; None at first.

        A token that is about to end is renewed here: a body that flows by can't be sent twice.
        """
        with self._lock:
            if self._basic and self._login:
                return self._login.basic
            token, challenge = self._tokens.get(scopes), self._challenge
        if token and token.until > clock.monotonic():
            return token.header
        return self.answer(challenge, scopes, what) if challenge else None

    def forget(self, scopes: tuple[str, ...]) -> None:
        """The registry takes this token no more, whatever its realm said about its life."""
        with self._lock:
            self._tokens.pop(scopes, None)

    def answer(self, challenge: Challenge, scopes: tuple[str, ...], what: str) -> str:
        """The header that answers a 401. RegistryDeniedError where we have none."""
        if challenge.scheme == "basic":
            return self._answer_basic(what)
        if challenge.scheme == "bearer":
            token = self._fetch(challenge, scopes, what)
            with self._lock:
                self._tokens[scopes] = token
                self._challenge = challenge
            return token.header
        raise RegistryDeniedError(
            f"registry {self._origin}: {what}: it asks for {challenge.scheme or 'no known'!r} "
            "authentication (401)",
            "Basic and Bearer are known; is this an OCI registry?",
        )

    def _answer_basic(self, what: str) -> str:
        if self._login is None or not self._login.username:
            raise answers.denied(self._origin, what)
        with self._lock:
            self._basic = True
        return self._login.basic

    def _fetch(self, challenge: Challenge, scopes: tuple[str, ...], what: str) -> _Token:
        realm = challenge.parameters.get("realm", "")
        self._trust(realm)
        asked = challenge.parameters.get("scope", "")
        wanted = sorted({*scopes, *([asked] if asked and not scopes else [])})
        service = challenge.parameters.get("service", "")
        response = self._request_token(realm, service, wanted)
        try:
            if response.status in {401, 403}:
                raise answers.denied(self._origin, what, login=self.name)
            if response.status != 200:
                raise answers.refusal(response, origin_of(realm), "token", login=self.name)
            granted = _decode(response, realm)
        finally:
            response.close()
        life = max(granted.expires_in - _EARLY, 1.0)
        secret = granted.token or granted.access_token
        return _Token(f"Bearer {secret}", clock.monotonic() + life)

    def _trust(self, realm: str) -> None:
        if realm.startswith("https://"):
            return
        if realm.startswith("http://") and origin_of(realm) == self._origin:
            return
        raise RegistryDeniedError(
            f"registry {self._origin} sends us to {realm[:200]!r} for a token",
            "Only an https address, or the plain HTTP registry's own, may see credentials.",
        )

    def _request_token(self, realm: str, service: str, scopes: list[str]) -> Response:
        pairs: list[tuple[str, Any]] = [("service", service)] if service else []
        if self._login is not None and self._login.identity_token:
            form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", self._login.identity_token),
                ("client_id", "airferry"),
                *pairs,
                ("scope", " ".join(scopes)),
            ]
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._ask("POST", realm, kind, urlencode(form).encode())
        query = urlencode([*pairs, *(("scope", scope) for scope in scopes)])
        url = f"{realm}{'&' if '?' in realm else '?'}{query}"
        headers = {"Authorization": self._login.basic} if self._login else {}
        return self._ask("GET", url, headers, None)


def _decode(response: Response, realm: str) -> _Granted:
    try:
        data = http.read_small(response, _CAP) or b""
    except TransportError as error:
        raise answers.unreachable(error, origin_of(realm)) from error
    try:
        granted = msgspec.json.decode(data, type=_Granted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        granted = _Granted()
    secret = granted.token or granted.access_token
    if not secret or not secret.isprintable() or not secret.isascii():
        raise RegistryError(f"{origin_of(realm)} answers without a token", "Look at its log.")
    return granted
