"""Where images are: registries, OCI layouts and docker archives, each opened once.

An origin is text, as the lock keeps it: `host/path` of a registry, `oci:FOLDER`, or
`docker-archive:FILE`, with paths that start at the folder of the spec.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from airferry_bundler import spec_file
from airferry_bundler.spec import (
    FILE_NAME,
    LOCAL_IMAGES,
    ImageSource,
    Registry,
    SpecFile,
    local_image,
)
from airferry_bundler.stores import ArchiveStore, LayoutStore, LocalStore, RepositoryStore, Store
from airferry_foundation.errors import InputError
from airferry_registry.client import RegistryClient
from airferry_registry.credentials import Credentials
from airferry_registry.references import Reference, parse
from airferry_registry.settings import RegistrySettings


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image of the spec is: its full name, what to ask for, in what, and the origin."""

    name: str
    version: str
    store: Store
    origin: str


class Origins:
    """Opens origins, each once. Safe to use from several threads."""

    def __init__(self, spec_file: SpecFile, connections: int = 8) -> None:
        self._spec_file = spec_file
        self._connections = connections
        self._logins = Credentials.from_docker_config()
        self._clients: dict[str, RegistryClient] = {}
        self._local: dict[str, LocalStore] = {}
        self._lock = threading.RLock()

    def place(self, source: ImageSource) -> Place:
        """Where an image of the spec is; InputError where it has no name that charts could use."""
        if source.ref.startswith(LOCAL_IMAGES):
            return self._local_place(source)
        found = parse(source.ref)
        name = str(parse(source.name)) if source.name else str(found)
        return Place(name, found.version, self.repository(found), found.name)

    def _local_place(self, source: ImageSource) -> Place:
        scheme, path, inner = local_image(source.ref)
        origin = f"{scheme}:{path}"
        store = self.local(origin)
        name = source.name or store.image_name(inner)
        if name is None:
            raise InputError(
                f"{source.ref} does not say what charts call this image",
                f'Give it a name: {{ref: "{source.ref}", name: host/path:tag}}.',
            )
        return Place(str(parse(name)), inner, store, origin)

    def repository(self, reference: Reference) -> RepositoryStore:
        """A repository of a registry."""
        return RepositoryStore(self.client(reference.registry), reference.repository)

    def client(self, address: str) -> RegistryClient:
        """The client of a registry, reached as the spec's `registries:` says."""
        with self._lock:
            if address not in self._clients:
                self._clients[address] = RegistryClient(self._settings(address), self._logins)
            return self._clients[address]

    def _settings(self, address: str) -> RegistrySettings:
        said = self._spec_file.spec.registries.get(address, Registry())
        return RegistrySettings(
            address,
            plain_http=said.plain_http,
            ca=self._path(said.ca),
            client_certificate=self._path(said.client_certificate),
            client_key=self._path(said.client_key),
            connections=self._connections,
        )

    def _path(self, text: str | None) -> Path | None:
        return self._spec_file.at(text) if text else None

    def local(self, origin: str) -> LocalStore:
        """An OCI layout or docker archive beside the spec."""
        with self._lock:
            if origin not in self._local:
                scheme, _, path = origin.partition(":")
                kind = LayoutStore if scheme == "oci" else ArchiveStore
                self._local[origin] = kind.open(self._spec_file.at(path))
            return self._local[origin]


def client_beside(path: Path, address: str) -> RegistryClient:
    """The client of a registry as the spec at `path` says, with defaults where there is none."""
    if path.is_file() or (path / FILE_NAME).is_file():
        return Origins(spec_file.read(path)).client(address)
    return RegistryClient(RegistrySettings(address), Credentials.from_docker_config())
