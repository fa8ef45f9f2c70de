"""site.yaml: the customer's own description of its sites. No policy (that is signed), no secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from airferry_archive.release import InputName, Name, Namespace, Platform
from airferry_foundation import handwritten
from airferry_foundation.errors import InputError
from airferry_foundation.grammar import whole

Address = Annotated[str, whole(r"^[A-Za-z0-9.\[\]:-]+(:[0-9]{1,5})?(/[a-z0-9._/-]+)?$")]
"""host[:port][/prefix]"""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the parts of a hand-written file."""


class PullSecret(_Part, frozen=True, kw_only=True):
    """A pull Secret: one that is there, or one to create in each namespace from a file."""

    create: dict[Literal["from"], str] | None = None
    secret: str | None = None


class Registry(_Part, frozen=True, kw_only=True):
    """The local registry: where the installer pushes, and the name that nodes pull from."""

    push: Address
    pull: Address | None = None
    ca: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    plain_http: bool = False
    auth: Literal["docker-config", "none"] = "docker-config"
    pull_auth: Literal["none", "node"] | PullSecret = "none"
    create_repositories: Literal["none"] = "none"
    flatten: bool = False

    @property
    def pull_address(self) -> str:
        """What stands in workloads' image references."""
        return self.pull or self.push


class VendorRegistry(_Part, frozen=True, kw_only=True):
    """How a registry that `fetch` reads from is reached; logins are in Docker's configuration."""

    plain_http: bool = False
    ca: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None


class Kubernetes(_Part, frozen=True, kw_only=True):
    """How kubectl reaches the cluster."""

    kubeconfig: str | None = None
    context: str | None = None


class SecretSource(_Part, frozen=True, kw_only=True):
    """Where a secret input is read from when it is needed: a file or a variable."""

    file: str | None = None
    env: str | None = None


InputValue = str | int | bool | SecretSource


class Ignore(_Part, frozen=True, kw_only=True):
    """Fields that somebody else owns: never planned, never drift."""

    kind: str
    name: str
    paths: tuple[str, ...]


class Environment(_Part, frozen=True, kw_only=True):
    """One environment: a cluster, and what is special about it."""

    kubernetes: Kubernetes = Kubernetes()
    mode: Literal["direct"] = "direct"
    registry: Registry | None = None
    namespaces: dict[Name, Namespace] = {}
    """By product: the namespace that takes the place of the release's own one."""
    create_namespaces: bool = True
    values: dict[Name, tuple[str, ...]] = {}
    """By product: values files, applied to every chart of it, later ones win."""
    inputs: dict[InputName, InputValue] = {}
    labels: dict[str, str] = {}
    ignore: tuple[Ignore, ...] = ()
    inventory_namespace: Namespace | None = None
    timeout: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 300
    """Seconds that a workload may take to become ready."""


class TelemetrySite(_Part, frozen=True, kw_only=True):
    """The customer's side of telemetry; consent itself is journalled, never written here."""

    region: Name = "default"
    purpose: Name = "operations"
    also_to: str | None = None
    """The customer's own age key, which can then read every export too."""


class Site(_Part, frozen=True, kw_only=True):
    """A customer's site."""

    customer: Name
    products: tuple[Name, ...]
    registry: Registry
    policy: str = "none"
    """A signed policy file beside this one, or `none`."""
    environments: dict[Name, Environment]
    platforms: tuple[Platform, ...] = ()
    """What the site's nodes run, such as linux/amd64; if set, other bundles are refused."""
    telemetry: TelemetrySite = TelemetrySite()
    registries: dict[str, VendorRegistry] = {}
    """By `host[:port]`: registries of vendors that `fetch` reads from."""

    def environment(self, name: str) -> Environment:
        """An environment by name; InputError that lists those there are."""
        try:
            return self.environments[name]
        except KeyError:
            known = ", ".join(self.environments)
            raise InputError(
                f"site.yaml has no environment {name!r}", f"It has: {known}."
            ) from None

    def registry_of(self, name: str) -> Registry:
        """The registry of an environment."""
        return self.environment(name).registry or self.registry


def read(path: Path) -> Site:
    """Read a site file; HandwrittenError lists every mistake with its line."""
    return handwritten.read(path, Site, check=_check)


# --- what a schema can't say ----------------------------------------------------------------------


def _check(site: Site, lines: handwritten.Lines) -> Iterator[handwritten.Problem]:
    for place, text in _problems(site):
        yield handwritten.Problem(lines.at(place), text)


def _problems(site: Site) -> Iterator[tuple[handwritten.Place, str]]:
    if not site.products:
        yield ("products",), "products: name at least one"
    if len(set(site.products)) != len(site.products):
        yield ("products",), "products: one is named twice"
    yield from _registry_problems(site.registry, ("registry",))
    for address, vendors in site.registries.items():
        yield from _reaching_problems(vendors, ("registries", address))
    for name, environment in site.environments.items():
        place = ("environments", name)
        if environment.registry is not None:
            yield from _registry_problems(environment.registry, (*place, "registry"))
        yield from _environment_problems(site, environment, place)


def _registry_problems(
    registry: Registry, place: handwritten.Place
) -> Iterator[tuple[handwritten.Place, str]]:
    dotted = ".".join(map(str, place))
    yield from _reaching_problems(registry, place)
    secret = registry.pull_auth
    if isinstance(secret, PullSecret):
        if (secret.create is None) == (secret.secret is None):
            yield (*place, "pull_auth"), f"{dotted}.pull_auth: name either `create` or `secret`"
        elif secret.create is not None and "from" not in secret.create:
            yield (*place, "pull_auth"), f"{dotted}.pull_auth.create: key 'from' is missing"


def _reaching_problems(
    registry: Registry | VendorRegistry, place: handwritten.Place
) -> Iterator[tuple[handwritten.Place, str]]:
    dotted = ".".join(map(str, place))
    if registry.plain_http and (registry.ca or registry.client_certificate):
        yield (*place, "plain_http"), f"{dotted}: plain_http leaves no use for certificates"
    if (registry.client_key is None) != (registry.client_certificate is None):
        yield place, f"{dotted}: client_certificate and client_key belong together"


def _environment_problems(
    site: Site, environment: Environment, place: handwritten.Place
) -> Iterator[tuple[handwritten.Place, str]]:
    dotted = ".".join(map(str, place))
    for field, products in (
        ("values", environment.values),
        ("namespaces", environment.namespaces),
    ):
        for product in {*products} - {*site.products}:
            text = f"{dotted}.{field}: product {product!r} is not among `products`"
            yield (*place, field, product), text
    for key, value in environment.inputs.items():
        if isinstance(value, SecretSource) and (value.file is None) == (value.env is None):
            yield (*place, "inputs", key), f"{dotted}.inputs.{key}: name either `file` or `env`"
    for number, ignored in enumerate(environment.ignore):
        if not ignored.paths or not all(path.startswith("/") for path in ignored.paths):
            where = (*place, "ignore", number)
            yield (
                where,
                f"{dotted}.ignore[{number}]: paths are JSON pointers, such as /spec/replicas",
            )
