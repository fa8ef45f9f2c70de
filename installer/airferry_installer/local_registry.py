"""A site's own registry: how it is reached, and where each part of a release lives in it.

One injective mapping, from the repositories of a bundle to local ones: images keep their original
host and path (`docker.io/library/redis`, `127.0.0.1-5000/shop/web`), charts and files stay under
`<product>/…`. It is shown before anything is pushed; what would collide is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from airferry_archive.release import Image, Release
from airferry_foundation.errors import ImageReferenceError, RegistryMissingError
from airferry_installer.site import Registry, Site, VendorRegistry
from airferry_registry import answers, credentials, references
from airferry_registry.client import RegistryClient
from airferry_registry.credentials import Credentials
from airferry_registry.references import LocalNames
from airferry_registry.settings import RegistrySettings


def connect(registry: Registry, site_folder: Path, *, address: str | None = None) -> RegistryClient:
    """A client of the push address (or of `address`); nothing is sent yet."""

    def file(name: str | None) -> Path | None:
        return site_folder / name if name else None

    settings = RegistrySettings.of(
        address or registry.push,
        plain_http=registry.plain_http,
        ca=file(registry.ca),
        client_certificate=file(registry.client_certificate),
        client_key=file(registry.client_key),
    )
    docker = registry.auth == "docker-config"
    logins = Credentials.from_docker_config(None) if docker else credentials.NONE
    return RegistryClient(settings, logins)


def connect_vendor(site: Site, site_folder: Path, address: str) -> RegistryClient:
    """A client of a vendor's registry, reached as `registries:` of the site says."""

    def file(name: str | None) -> Path | None:
        return site_folder / name if name else None

    said = site.registries.get(address, VendorRegistry())
    settings = RegistrySettings(
        address,
        plain_http=said.plain_http,
        ca=file(said.ca),
        client_certificate=file(said.client_certificate),
        client_key=file(said.client_key),
    )
    return RegistryClient(settings, Credentials.from_docker_config(None))


def repositories(release: Release, registry: Registry) -> Mapping[str, str]:
    """The local repository of each repository of the bundle; ImageReferenceError if two collide."""
    names = LocalNames.of((image.name for image in release.images), flatten=registry.flatten)
    needed = sorted({one for blob in release.blobs for one in blob.repositories})
    found: dict[str, str] = {}
    takers: dict[str, str] = {}
    for one in needed:
        local = names.repositories.get(one) or _artifact(one, flatten=registry.flatten)
        taker = takers.setdefault(local, one)
        if taker != one:
            raise ImageReferenceError(
                f"{taker} and {one} would both become {local} in the local registry",
                "Set flatten: false in site.yaml, or ask the vendor to rename one of them.",
            )
        found[one] = local
    return found


@contextmanager
def naming_repositories(client: RegistryClient, places: Mapping[str, str]) -> Iterator[None]:
    """Where the registry wants repositories made first: name all of them, not just the first."""
    try:
        yield
    except RegistryMissingError as error:
        if not error.hint.startswith(answers.CREATE_FIRST):
            raise
        names = sorted({client.settings.repository(place) for place in places.values()})
        listed = ", ".join(names)
        raise RegistryMissingError(error.message, f"{answers.CREATE_FIRST}{listed}") from None


def local_image(registry: Registry, image: Image) -> str:
    """What workloads name: `<pull address>/<local repository>@<digest>`."""
    local = references.local_repository(image.name, flatten=registry.flatten)
    return f"{registry.pull_address}/{local}@{image.digest}"


def _artifact(repository: str, *, flatten: bool) -> str:
    return repository.replace("/", "-") if flatten else repository
