"""A receipt: what a site's registry holds of what was loaded, as it answers now; signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from airferry_archive.receipts import HeldRelease, Receipt
from airferry_foundation import clock, documents, files
from airferry_foundation.errors import StateMissingError
from airferry_installer import holdings, local_registry
from airferry_installer import loaded as loading
from airferry_installer.loaded import Loaded
from airferry_installer.state import StateFolder
from airferry_signing import sshsig


@dataclass(frozen=True, slots=True)
class Written:
    """A receipt on the disk; `signature` lies beside it, made by the key `signer`."""

    receipt: Receipt
    path: Path
    signature: Path
    signer: str


def write(state: StateFolder, path: Path, *, environment: str | None = None) -> Written:
    """Ask the registry (of the site, or of an environment) and write what it holds; journalled.

    StateMissingError if nothing was loaded into it yet.
    """
    receipt = make(state, environment=environment)
    data = documents.encode(receipt)
    private = sshsig.read_private(state.instance_key)
    signature = path.with_name(f"{path.name}.sig")
    files.write_atomic(path, data)
    files.write_atomic(signature, sshsig.sign(data, private))
    state.journal.append(
        "receipt",
        receipt=documents.digest_of(receipt),
        releases=[one.release for one in receipt.releases],
        blobs=len(receipt.blobs),
    )
    return Written(receipt, path, signature, private.public.key_id)


def make(state: StateFolder, *, environment: str | None = None) -> Receipt:
    """What the registry holds, of all that was ever loaded into it from here."""
    site = state.site()
    registry = site.registry_of(environment) if environment else site.registry
    client = local_registry.connect(registry, state.site_folder)
    client.ping()
    known = loading.loaded(state, client.settings.origin)
    if not known:
        raise StateMissingError(
            f"nothing was loaded into {client.settings.origin} yet",
            "Ask the vendor for a full bundle, and load it.",
        )
    held: set[str] = set()
    complete: list[Loaded] = []
    for one in known:
        blobs = holdings.pushed(one.release)
        places = local_registry.repositories(one.release, registry)
        there = holdings.survey(client, blobs, places)
        held |= {digest for _, digest in there}
        if len(there) == sum(len(blob.repositories) for blob in blobs):
            complete.append(one)
    return Receipt(
        schema="airferry.receipt/v1",
        customer=site.customer,
        environment=environment,
        issued_at=clock.timestamp(),
        releases=_listed(complete),
        blobs=tuple(sorted(held)),
    )


def _listed(complete: Sequence[Loaded]) -> tuple[HeldRelease, ...]:
    rows = [
        HeldRelease(
            product=one.release.product,
            version=one.release.version,
            release=one.digest,
            epoch=one.release.epoch,
            counter=one.release.release_counter,
        )
        for one in complete
    ]
    return tuple(sorted(rows, key=lambda row: (row.product, row.epoch, row.counter)))
