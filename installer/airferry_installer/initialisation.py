"""`init`: a state folder that trusts one pinned root, knows its site, and has keys of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from airferry_foundation.digests import is_digest
from airferry_foundation.errors import AudienceError, InputError, RootError
from airferry_installer import site as sites
from airferry_installer import trust as trusts
from airferry_installer.approving.acceptance import in_force
from airferry_installer.monitoring import enrolling
from airferry_installer.site import Site
from airferry_installer.state import StateFolder
from airferry_installer.trust import LineTrust
from airferry_signing import roots
from airferry_signing.roots import Root
from airferry_signing.signature_files import SignedDocument, read_signed


@dataclass(frozen=True, slots=True)
class Initialised:
    """What `init` made. `enrolment_fingerprint` is read to the vendor over the telephone."""

    state: StateFolder
    site: Site
    root: Root
    root_fingerprint: str
    enrolment: Path
    enrolment_fingerprint: str
    again: bool
    """Whether the folder was there already, and only learned of another site file or product."""


def initialise(folder: Path, site_path: Path, root_path: Path, fingerprint: str) -> Initialised:
    """Pin the root whose digest is `fingerprint`; make the state folder if it is not there.

    Raises HandwrittenError for the site, RootError for another fingerprint or a second root of a
    product line that has one, AudienceError where the site does not have the root's product.
    """
    site = sites.read(site_path)
    pinned = read_pinned(root_path, fingerprint)
    if pinned.product not in site.products:
        raise AudienceError(
            f"{root_path} is a root of {pinned.product!r}; {site_path} has "
            f"{', '.join(site.products)}",
            "Add the product to `products` in the site file, or give the root of another.",
        )
    state = StateFolder(folder)
    again = state.exists()
    if again:
        _learn(state, site_path, pinned)
    else:
        state = StateFolder.create(folder, site_path, trusts.NOTHING.with_line(pinned))
    newest = pinned.chain.newest
    state.journal.append(
        "initialised",
        site=str(site_path.absolute()),
        customer=site.customer,
        product=pinned.product,
        root=newest.number,
        fingerprint=pinned.chain.fingerprint,
    )
    in_force(state)  # the first policy, or that there is none, is a decision of this moment
    path, enrolment = enrolling.ensure(state)
    return Initialised(
        state=state,
        site=site,
        root=newest,
        root_fingerprint=pinned.chain.fingerprint,
        enrolment=path,
        enrolment_fingerprint=enrolment.fingerprint,
        again=again,
    )


def read_root(path: Path) -> tuple[SignedDocument, Root]:
    """A root file, for its number and product; nothing vouches for it yet."""
    signed = read_signed(path, cap=roots.MAX_BYTES)
    return signed, roots.read_root(signed.document, str(path))


def read_pinned(path: Path, fingerprint: str) -> LineTrust:
    """A product line that begins with the root in a file, vouched for by its fingerprint alone."""
    wanted = fingerprint.strip().lower()
    if not is_digest(wanted):
        raise InputError(
            f"{fingerprint[:80]!r} is not a fingerprint",
            "It reads sha256:<64 hex digits>; the vendor tells it by telephone or on paper.",
        )
    signed = read_signed(path, cap=roots.MAX_BYTES)
    return trusts.pinned(roots.pin(signed, wanted, name=str(path)))


def _learn(state: StateFolder, site_path: Path, pinned: LineTrust) -> None:
    """An `init` over a folder that is there: another site file, or a further product line."""
    with state.exclusive():
        trust = state.trust()
        known = trust.line(pinned.product)
        if known is None:
            state.remember(trust.with_line(pinned))
        elif pinned.roots[0].document not in {one.document for one in known.roots}:
            raise RootError(
                f"{state.folder} trusts another root of {pinned.product}: number "
                f"{known.chain.number}, fingerprint {known.chain.fingerprint}",
                "Find out from the vendor, by telephone, which root is right. Only if root keys "
                "were lost: init --repin.",
            )
        state.use_site(site_path)
