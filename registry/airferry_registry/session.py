"""Requests to one registry: who we are, redirects, tries again. Safe to use from several threads.

Invariants: an Authorization header goes to the registry's own origin and nowhere else; nothing that
can't be sent twice is tried twice; a registry behind https never sends us to plain HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

import urllib3

from airferry_foundation import clock, http
from airferry_foundation.errors import RegistryError, RegistryUnreachableError
from airferry_foundation.http import Response, TransportError
from airferry_registry import answers, tokens
from airferry_registry.credentials import Login
from airferry_registry.settings import RegistrySettings, origin_of

TRIES = 4
LONGEST_WAIT = 60.0  # seconds; a registry that asks for more gets an error instead
_DISCARD_SECONDS = 1.0
_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({429, 500, 502, 503, 504})

Body = bytes | Iterable[memoryview | bytes] | None


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `what` names it in messages; `scopes` are what its token must allow."""

    method: str
    url: str
    what: str
    scopes: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = None
    patient: bool = True
    """Whether it is worth a wait and another try."""

    @property
    def repeatable(self) -> bool:
        """Whether it can be sent twice: a body that flows by can't."""
        return self.body is None or isinstance(self.body, bytes)

    @property
    def pushing_to(self) -> str:
        """The repository that it sends something to, '' if it only asks."""
        first = self.scopes[0] if self.scopes else ""
        name, _, right = first.removeprefix("repository:").rpartition(":")
        return name if right == "pull,push" else ""


class _NoAnswerError(Exception):
    """Nothing came back from `url`, which may be where a registry has sent us."""

    def __init__(self, url: str, reason: TransportError) -> None:
        super().__init__(url)
        self.url = url
        self.reason = reason


class Session:
    """Sends calls to a registry, and to hosts that it points to, without our credentials."""

    def __init__(self, settings: RegistrySettings, login: Login | None) -> None:
        self._settings = settings
        self.origin = settings.origin
        self._own = http.pool(settings.transport, settings.origin)
        self._foreign: dict[str, urllib3.PoolManager] = {}
        self._lock = threading.Lock()
        self._authority = tokens.Authority(settings.origin, login, self._ask_realm)

    def send(self, call: Call) -> Response:
        """Send, with a wait and another try after 429, 5xx and cut connections.

        The caller reads the body and releases it (`read`). Raises the errors of `answers` where
        there is no answer at all.
        """
        return self._patiently(call, lambda: self._authorised(call))

    def _ask_realm(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        """A request for a token, with the headers as they are; a realm may be busy, too."""
        call = Call(method, url, "ask for a token", headers=headers, body=body)
        return self._patiently(call, lambda: self._ask(method, url, headers, body))

    def _patiently(self, call: Call, ask: Callable[[], Response]) -> Response:
        for attempt in range(TRIES):
            last = attempt == TRIES - 1 or not (call.repeatable and call.patient)
            try:
                response = ask()
            except _NoAnswerError as error:
                if last or not _passing(error.reason):
                    raise self._unreachable(error, call) from error
                wait = _backoff(attempt)
            else:
                if response.status not in _LATER:
                    return response
                if not call.repeatable:
                    raise self._put_off(response, call)
                if last:
                    return response
                asked = self._asked(response, call)
                wait = _backoff(attempt) if asked is None else asked
                _discard(response)
            clock.pause(wait)
        raise AssertionError  # pragma: no cover - the last attempt returned or raised

    def _unreachable(self, error: _NoAnswerError, call: Call) -> RegistryError:
        """What there was no answer from: the registry, or where it has sent us."""
        if isinstance(error.reason, urllib3.exceptions.LocationValueError):
            return self._no_address(call.what, error.url)
        return answers.unreachable(error.reason, origin_of(error.url))

    def _no_address(self, what: str, url: str) -> RegistryError:
        return RegistryError(
            f"registry {self.origin}: {what}: it sends us to {url[:200]!r}, which is no address",
            "Look at its configuration, and at what stands in front of it.",
        )

    def expect(self, call: Call, *statuses: int) -> Response:
        """Like `send`; any other status becomes an error."""
        response = self.send(call)
        if response.status in statuses:
            return response
        raise self.refusal(call, response)

    def read(self, call: Call, response: Response, cap: int) -> bytes:
        """A small body, whole, its connection given back; RegistryError if it exceeds `cap`."""
        try:
            data = http.read_small(response, cap)
        except TransportError as error:
            response.close()
            raise answers.unreachable(error, origin_of(call.url)) from error
        if data is None:
            response.close()
            raise RegistryError(
                f"registry {self.origin}: {call.what}: the answer has more than the {cap} bytes "
                "that are allowed"
            )
        response.release_conn()
        return data

    def fetch(self, call: Call, cap: int) -> tuple[Response, bytes]:
        """The answer to a GET that must be 200, and its small body; asked anew after a cut."""
        for attempt in range(TRIES):
            response = self.expect(call, 200)
            try:
                return response, self.read(call, response, cap)
            except RegistryUnreachableError:
                if attempt == TRIES - 1:
                    raise
            clock.pause(_backoff(attempt))
        raise AssertionError  # pragma: no cover - the last attempt returned or raised

    def refusal(self, call: Call, response: Response) -> RegistryError:
        """The error for an answer to `call`; the connection is given up.

        A HEAD is asked again as a GET, since only that one's answer has words.
        """
        if call.method == "HEAD" and response.status not in {401, 403}:
            told = self.send(replace(call, method="GET"))
            if told.status == response.status:
                response, told = told, response
            told.close()
        try:
            return answers.refusal(
                response,
                self.origin,
                call.what,
                login=self._authority.name,
                pushing_to=call.pushing_to,
            )
        finally:
            _discard(response)

    def resolve(self, base: str, location: str) -> str:
        """A Location as an absolute URL; a registry's own host keeps our scheme.

        (A proxy that ends TLS often makes the registry behind it write http.) RegistryError for
        what is no address.
        """
        try:
            url = urljoin(base, location)
            urlsplit(url)
        except ValueError:
            raise self._no_address("its answer", location) from None
        own = urlsplit(self.origin)
        if origin_of(urlsplit(url)._replace(scheme=own.scheme).geturl()) == self.origin:
            return urlsplit(url)._replace(scheme=own.scheme, netloc=own.netloc).geturl()
        if urlsplit(url).scheme != "https" and not self._settings.plain_http:
            raise RegistryError(
                f"registry {self.origin} sends us to {url[:200]!r}, away from TLS",
                "Correct the registry's external address (distribution: http.host).",
            )
        return url

    def _authorised(self, call: Call) -> Response:
        own = origin_of(call.url) == self.origin
        header = self._authority.header(call.scopes, call.what) if own else None
        response = self._following(call, header)
        if response.status != 401 or not own:
            return response
        challenge = tokens.read_challenge(response.headers.get("WWW-Authenticate", ""))
        if (header or "").startswith("Basic "):
            return response
        if not call.repeatable:
            if header is None:
                return response
            _discard(response)
            self._authority.forget(call.scopes)
            raise answers.token_ended(self.origin, call.what)
        _discard(response)
        return self._following(call, self._authority.answer(challenge, call.scopes, call.what))

    def _following(self, call: Call, header: str | None) -> Response:
        for _ in range(_REDIRECTS + 1):
            own = origin_of(call.url) == self.origin
            extra = {"Authorization": header} if own and header else {}
            response = self._ask(call.method, call.url, {**call.headers, **extra}, call.body)
            location = response.headers.get("Location")
            if response.status not in _MOVED or not location:
                return response
            _discard(response)
            if call.method not in {"GET", "HEAD"}:
                raise RegistryError(
                    f"registry {self.origin}: {call.what}: it redirects a {call.method} to "
                    f"{location[:200]!r}",
                    "Use the address that it redirects to.",
                )
            call = replace(call, url=self.resolve(call.url, location))
        raise RegistryError(f"registry {self.origin}: {call.what}: it redirects in a circle")

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> Response:
        try:
            return self._pool(url).request(
                method,
                url,
                body=cast(Any, body),  # urllib3 sends any buffer; its types say bytes
                headers={"Accept-Encoding": "identity", "User-Agent": "airferry", **headers},
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except TransportError as error:
            raise _NoAnswerError(url, error) from error

    def _pool(self, url: str) -> urllib3.PoolManager:
        origin = origin_of(url)
        if origin == self.origin:
            return self._own
        with self._lock:
            if origin not in self._foreign:
                self._foreign[origin] = http.pool(self._settings.foreign_transport, url)
            return self._foreign[origin]

    def _put_off(self, response: Response, call: Call) -> RegistryUnreachableError:
        """The error for bytes that flow by and are not taken now: whoever has them sends again.

        As long as the registry asked for has passed then.
        """
        wait = self._asked(response, call)
        error = answers.put_off(response, self.origin, call.what)
        _discard(response)
        clock.pause(wait or 0)
        return error

    def _asked(self, response: Response, call: Call) -> float | None:
        """The seconds that it asks to wait for, None if it names none that make sense."""
        asked = _retry_after(response.headers.get("Retry-After", ""))
        if asked is not None and asked > LONGEST_WAIT:
            _discard(response)
            raise RegistryError(
                f"registry {self.origin}: {call.what}: it answers {response.status} and asks to "
                f"wait {asked:.0f} s",
                "Give the same command again later; it goes on where it was.",
            )
        return asked


def _discard(response: Response) -> None:
    """Give the connection back if the body ends soon, else close it."""
    try:
        if http.read_small(response, 64 << 10, _DISCARD_SECONDS) is not None:
            response.release_conn()
            return
    except TransportError:
        pass
    response.close()


def _passing(error: TransportError) -> bool:
    """Whether another try may help: a cut or a timeout, but no name, port or certificate."""
    return isinstance(
        error, (urllib3.exceptions.ProtocolError, urllib3.exceptions.ReadTimeoutError)
    )


def _backoff(attempt: int) -> float:
    return float(0.25 * 2**attempt)


def _retry_after(header: str) -> float | None:
    """Seconds out of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    text = header.strip()
    if text.isascii() and text.isdigit():  # `²` is a digit, too
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        return None
    return max((moment - clock.now()).total_seconds(), 0.0)
