"""How one registry is reached: address, plain HTTP or TLS, trust anchors, a path prefix."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from airferry_foundation.http import Transport
from airferry_registry.references import DOCKER_HUB

_HUB_API = "registry-1.docker.io"
_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, the same for every spelling (RFC 6454); '' if it has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not host:
        return ""
    shown = f"[{host}]" if ":" in host else host
    is_default = port in {None, _DEFAULT_PORTS.get(parts.scheme)}
    return f"{parts.scheme}://{shown}" if is_default else f"{parts.scheme}://{shown}:{port}"


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """One registry. `address` is `host[:port]`; `prefix` is put before every repository.

    Plain HTTP happens only where it is asked for; `ca` is trusted beside the system's own anchors.
    """

    address: str
    plain_http: bool = False
    ca: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    prefix: str = ""
    connections: int = 8

    @classmethod
    def of(
        cls,
        address: str,
        *,
        plain_http: bool = False,
        ca: Path | None = None,
        client_certificate: Path | None = None,
        client_key: Path | None = None,
    ) -> RegistrySettings:
        """Settings out of an address as people write it, `host[:port][/prefix]`."""
        host, _, prefix = address.partition("/")
        return cls(host, plain_http, ca, client_certificate, client_key, prefix.strip("/"))

    @property
    def origin(self) -> str:
        """Where requests go: `https://registry.example:5000`."""
        host = _HUB_API if self.address == DOCKER_HUB else self.address
        return origin_of(f"{'http' if self.plain_http else 'https'}://{host}")

    @property
    def transport(self) -> Transport:
        """The settings of connections to the registry itself."""
        return Transport(self.ca, self.client_certificate, self.client_key, self.connections)

    @property
    def foreign_transport(self) -> Transport:
        """The same for hosts that it points to: they never see the client certificate."""
        return Transport(self.ca, connections=self.connections)

    def repository(self, name: str) -> str:
        """A repository as the registry knows it."""
        return f"{self.prefix}/{name}" if self.prefix else name
