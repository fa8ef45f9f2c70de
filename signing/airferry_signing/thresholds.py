"""Whether enough different keys of a role signed a document. No I/O: serves both towers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

from airferry_foundation.errors import SignatureError, ThresholdError
from airferry_signing import verifier
from airferry_signing.cosign import Cosign
from airferry_signing.root_document import Root, keys_of, role_name
from airferry_signing.signature_files import MAX_SIGNATURES, SignedDocument

_AT_ONCE = 4


def accept(
    signed: SignedDocument, role: str, root: Root, *, name: str, cosign: Cosign | None
) -> frozenset[str]:
    """The ids of the keys of `role` that signed the document, if they are enough.

    Raises SignatureError for a malformed signature or one of other bytes, ThresholdError when fewer
    different keys signed than the role demands. A key counts once, however often it signs.
    """
    if len(signed.signatures) > MAX_SIGNATURES:
        raise SignatureError(f"{name} has more than {MAX_SIGNATURES} signatures")
    keys = keys_of(root, role)

    def signer(number: int, signature: bytes) -> str | None:
        told = f"{name}, signature {number}"
        return verifier.signer(signed.document, signature, keys, name=told, cosign=cosign)

    with ThreadPoolExecutor(_AT_ONCE) as pool:  # each of them may be a run of cosign
        signers = list(pool.map(signer, count(1), signed.signatures))
    accepted = frozenset(key_id for key_id in signers if key_id is not None)
    threshold = root.roles[role_name(role)].threshold
    if len(accepted) < threshold:
        raise ThresholdError(_too_few(name, role, root, signers))
    return accepted


def _too_few(name: str, role: str, root: Root, signers: list[str | None]) -> str:
    accepted = {one for one in signers if one is not None}
    threshold = root.roles[role_name(role)].threshold
    text = f"{name} is signed by {len(accepted)} of the {threshold} {role} keys that are needed"
    strangers = signers.count(None)
    again = len(signers) - strangers - len(accepted)
    if strangers:
        text += f"; {strangers} by a key that root {root.number} does not list for this role"
    if again:
        text += f"; {again} again by the same key"
    return text
