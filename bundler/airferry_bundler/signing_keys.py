"""Signs a release with the keys of a folder: for a vendor who has them all on one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from airferry_bundler import signatures
from airferry_bundler.signatures import Signed
from airferry_foundation import files
from airferry_foundation.errors import MissingInputError
from airferry_signing import keys as signing_keys
from airferry_signing import roots, signature_files, verifier
from airferry_signing.cosign import Cosign
from airferry_signing.roots import Root


def sign_release(
    release: Path, folder: Path, root: Root, passphrase: Callable[[], str], cosign: Cosign
) -> tuple[Signed, ...]:
    """Sign with keys of `folder` that the root lists for releases, until its threshold is met.

    MissingInputError where the folder has none of them and the threshold is not met yet.
    """
    missing = root.roles["release"].threshold - len(signers_of(release, root))
    if missing <= 0:
        return ()
    usable = list(_usable(folder, root, signers_of(release, root)))
    if not usable:
        raise MissingInputError(
            f"{folder} has no key that root {root.number} lists for releases and that has not "
            "signed yet",
            "Name the folder that `keys generate --role release` wrote to.",
        )
    secret = passphrase()
    return tuple(
        signatures.sign_beside(release, str(key), secret, cosign) for key in usable[:missing]
    )


def signers_of(release: Path, root: Root) -> frozenset[str]:
    """The release keys of a root that have signed."""
    listed = roots.keys_of(root, "release")
    document = files.read_capped(release, 5 << 20)
    found = (
        verifier.signer(document, one, listed, name=f"{release}, signature {number}", cosign=None)
        for number, one in enumerate(signature_files.signatures_beside(release), 1)
    )
    return frozenset(key_id for key_id in found if key_id is not None)


def _usable(folder: Path, root: Root, signed: frozenset[str]) -> Iterator[Path]:
    """Private keys whose public half, beside them, is listed and has not signed."""
    for public in sorted(folder.glob("*.pub")):
        pem = files.read_capped(public, signing_keys.MAX_PEM_BYTES)
        private = public.with_suffix(".key")
        if not pem.startswith(b"-----BEGIN PUBLIC KEY") or not private.exists():
            continue  # an age recipient, or a key that is held elsewhere
        key_id = signing_keys.read_public_key(pem, name=str(public)).key_id
        if key_id in root.roles["release"].keys and key_id not in signed:
            yield private
