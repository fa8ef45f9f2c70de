"""The one module that opens connections: urllib3 pools, over TCP or a unix socket.

No redirects, no retries and no decoding are done here: the rooms above decide, since credentials
must go to the host they are for and to no other, and bytes must arrive as they were sent.
"""

from __future__ import annotations

import base64
import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import LocationParseError, ProtocolError

from airferry_foundation import clock
from airferry_foundation.errors import InputError, MissingInputError

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
SMALL_SECONDS = 120.0
"""How long the whole of a small body may take: a byte a minute would never time out else."""

TransportError = urllib3.exceptions.HTTPError
"""What any of urllib3's failures is; the rooms above turn it into an error that names the host."""

Response = urllib3.BaseHTTPResponse


class Body:
    """The body of an answer, straight into the caller's buffer.

    urllib3 reads a megabyte into bytes of its own and copies them: a sixth of what a download
    costs. So this reads from the response of the standard library under it, and holds it to its
    length as urllib3 does. Raises TransportError for a cut or a timeout.
    """

    def __init__(self, response: Response) -> None:
        self._raw: HTTPResponse = response._fp  # type: ignore[attr-defined]  # noqa: SLF001
        self._left = response.length_remaining

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the front of `buffer`; how many bytes, 0 at the end."""
        try:
            count = self._raw.readinto(buffer)
        except TimeoutError as error:
            raise ProtocolError("the server stopped sending", error) from error
        except (OSError, HTTPException) as error:
            raise ProtocolError(f"the connection was cut: {error}", error) from error
        if self._left is not None:
            self._left -= count
            if not count and self._left and len(buffer):
                raise ProtocolError(f"the connection was cut, {self._left:,} bytes before the end")
        return count


def read_small(response: Response, cap: int, seconds: float = 0) -> bytes | None:
    """A small body, whole; None if it has more than `cap` bytes.

    Raises TransportError for a cut, or for one that takes longer than `seconds` (0 means
    `SMALL_SECONDS`).
    """
    end = clock.monotonic() + (seconds or SMALL_SECONDS)
    parts: list[bytes] = []
    left = cap
    while part := response.read1(64 << 10):
        left -= len(part)
        if left < 0:
            return None
        if clock.monotonic() > end:
            raise ProtocolError("the server sends too slowly", TimeoutError())
        parts.append(part)
    return b"".join(parts)


UnixPool = HTTPConnectionPool
"""Connections to a unix socket."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How to reach a server: its trust anchors, a client certificate, how many connections."""

    ca: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    connections: int = 8


def pool(transport: Transport, url: str) -> urllib3.PoolManager:
    """A connection pool for `url`, through the proxy that the environment names for it, if any."""
    options: dict[str, Any] = {
        "maxsize": transport.connections,
        "block": True,
        "retries": False,
        "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
    }
    if url.startswith("https:"):
        options["ssl_context"] = _tls(transport)
    proxy = _proxy_for(url)
    return _through(proxy, options) if proxy else urllib3.PoolManager(**options)


def _tls(transport: Transport) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca := transport.ca:
        with _naming(ca):
            context.load_verify_locations(cafile=str(ca))
    if own := transport.client_certificate:
        key = transport.client_key
        with _naming(*([own, key] if key else [own])):
            context.load_cert_chain(str(own), str(key) if key else None, _no_pass_phrase)
    return context


@contextmanager
def _naming(*paths: Path) -> Iterator[None]:
    """The errors of TLS material, which OpenSSL does not tie to files."""
    for path in paths:
        if not path.exists():
            raise MissingInputError(f"{path} does not exist")
    names = " with ".join(str(path) for path in paths)
    try:
        yield
    except ssl.SSLError as error:
        kind = "a PEM certificate" + (" and the key to it" if len(paths) > 1 else "")
        raise InputError(f"{names}: not {kind} ({error.reason or 'no PEM'})") from None
    except OSError as error:
        raise InputError(f"{names} can't be read: {error.strerror}") from None


def _no_pass_phrase() -> str:
    """In place of OpenSSL's own question on the terminal."""
    raise InputError(
        "the key of the client certificate is encrypted, and nobody can be asked for its pass "
        "phrase",
        "Decrypt it (`openssl pkey -in KEY -out PLAIN`), and guard the file by its mode.",
    )


def _proxy_for(url: str) -> str | None:
    parts = urllib3.util.parse_url(url)
    host = parts.host or ""
    if host in {"localhost", "127.0.0.1", "[::1]"} or proxy_bypass(host):
        return None
    return getproxies().get(parts.scheme or "https")


def _through(proxy: str, options: dict[str, Any]) -> urllib3.PoolManager:
    """By a proxy as curl reads its variables: `[http[s]://][user:password@]host[:port]`."""
    try:
        parts = urllib3.util.parse_url(proxy if "://" in proxy else f"http://{proxy}")
    except LocationParseError:
        parts = urllib3.util.Url()
    if parts.scheme not in {"http", "https"} or not parts.host:
        raise InputError(
            "the proxy that the environment names is none that can be used: "
            f"{parts.scheme or '?'}://{parts.host or '?'}",
            "Set HTTP_PROXY and HTTPS_PROXY to http://HOST:PORT, or NO_PROXY to the registry.",
        )
    headers = {"Proxy-Authorization": _basic(parts.auth)} if parts.auth else None
    url = parts._replace(auth=None).url
    return urllib3.ProxyManager(url, proxy_headers=headers, **options)


def _basic(pair: str) -> str:
    """Out of a URL's `user:password`, where each may be percent-encoded."""
    return f"Basic {base64.b64encode(unquote(pair).encode()).decode()}"


def unix_pool(path: Path, *, connections: int = 8) -> HTTPConnectionPool:
    """A pool of connections to a unix socket (kubectl proxy)."""
    return _UnixPool(path, connections)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=READ_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(READ_SECONDS)
        self.sock.connect(os.fspath(self._path))


class _UnixPool(HTTPConnectionPool):
    def __init__(self, path: Path, connections: int) -> None:
        super().__init__("localhost", maxsize=connections, block=True, retries=False)
        self._path = path

    def _new_conn(self) -> HTTPConnection:
        self.num_connections += 1
        return _UnixConnection(self._path)
