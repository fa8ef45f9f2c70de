"""Where the inventory of an environment is, also for a state folder that never applied there."""

from __future__ import annotations

from contextlib import suppress

from airferry_foundation.errors import (
    ClusterDeniedError,
    ClusterError,
    InputError,
    StateMissingError,
)
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
    """The inventory, None where the product was never applied.

    Where neither the site nor this state folder knows the namespace, all are looked through;
    ClusterError if several hold one of this environment and product.
    """
    known = _known(state, environment, product)
    if not known:
        known = _everywhere(client, product)
    found = {namespace: inventory.read(client, namespace, product) for namespace in known}
    held = [h for h in found.values() if h is not None and h.inventory.environment == environment]
    if len(held) > 1:
        listed = ", ".join(sorted(h.namespace for h in held))
        raise ClusterError(
            f"several namespaces hold an inventory of {product} in {environment!r}: {listed}",
            "Say which one is meant: inventory_namespace of the environment in site.yaml.",
        )
    return held[0] if held else None


def need(state: StateFolder, client: ClusterClient, environment: str, product: str) -> Held:
    """The inventory; StateMissingError where the product was never applied."""
    held = find(state, client, environment, product)
    if held is None:
        raise StateMissingError(
            f"{product} was never applied in {environment}: the cluster holds no inventory of it",
            "Plan and apply it first.",
        )
    return held


def _known(state: StateFolder, environment: str, product: str) -> list[str]:
    """The namespace where the last change was, or that site.yaml names."""
    kept = revisions.kept(state, environment, product)
    if kept:
        return [kept[-1].namespace]
    described = state.site().environment(environment)
    named = described.inventory_namespace or described.namespaces.get(product)
    return [named] if named else []


def _everywhere(client: ClusterClient, product: str) -> list[str]:
    """Every namespace with an inventory of the product, as far as our rights go."""
    selector = f"{LABEL}=true,airferry.dev/product={product}"
    with suppress(ClusterDeniedError):  # who may use one namespace only must name it
        secrets = client.list("v1", "Secret", None, selector)
        return [str(secret["metadata"]["namespace"]) for secret in secrets]
    return []
