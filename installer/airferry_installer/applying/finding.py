"""Where the inventory of an environment is, also for a state folder that never applied there."""

from __future__ import annotations

from collections.abc import Iterator

from airferry_foundation.errors import ClusterDeniedError, InputError, StateMissingError
from airferry_installer import revisions
from airferry_installer.applying import inventory
from airferry_installer.applying.inventory import LABEL, Held
from airferry_installer.cluster.client import ClusterClient
from airferry_installer.site import Site
from airferry_installer.state.folder import StateFolder


def product_of(site: Site, product: str | None) -> str:
    """The product that is meant: the one named, or the only one there is."""
    if product is not None:
        if product not in site.products:
            raise InputError(
                f"site.yaml has no product {product!r}", f"It has: {', '.join(site.products)}."
            )
        return product
    if len(site.products) != 1:
        raise InputError(f"site.yaml has {len(site.products)} products", "Name one with --product.")
    return site.products[0]


def find(state: StateFolder, client: ClusterClient, environment: str, product: str) -> Held | None:
    """The inventory, None where the product was never applied."""
    tried: set[str] = set()
    for namespace in _namespaces(state, client, environment, product):
        if namespace in tried:
            continue
        tried.add(namespace)
        held = inventory.read(client, namespace, product)
        if held is not None and held.inventory.environment == environment:
            return held
    return None


def need(state: StateFolder, client: ClusterClient, environment: str, product: str) -> Held:
    """The inventory; StateMissingError where the product was never applied."""
    held = find(state, client, environment, product)
    if held is None:
        raise StateMissingError(
            f"{product} was never applied in {environment}: the cluster holds no inventory of it",
            "Plan and apply it first.",
        )
    return held


def _namespaces(
    state: StateFolder, client: ClusterClient, environment: str, product: str
) -> Iterator[str]:
    """Where it may be, the likeliest first; every namespace comes last, where rights allow."""
    for revision in reversed(revisions.kept(state, environment, product)):
        yield revision.namespace
    described = state.site().environment(environment)
    if described.inventory_namespace:
        yield described.inventory_namespace
    if product in described.namespaces:
        yield described.namespaces[product]
    selector = f"{LABEL}=true,airferry.dev/product={product}"
    try:
        secrets = client.list("v1", "Secret", None, selector)
    except ClusterDeniedError:
        return
    for secret in secrets:
        yield str(secret["metadata"]["namespace"])
