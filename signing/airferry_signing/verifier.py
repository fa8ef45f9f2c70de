"""Whose signature is this? The one function through which every vendor signature is judged.

The strict parser, then the Python verifier, always; then cosign too where it is present: both must
accept. Key ids and hints inside a signature decide nothing, and nothing is keyed by its bytes:
(r, n-s) is as good as (r, s).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from airferry_foundation.errors import SignatureError
from airferry_signing import sigstore_bundle
from airferry_signing.cosign import Cosign
from airferry_signing.keys import PublicKey


def signer(
    document: bytes,
    signature: bytes,
    keys: Mapping[str, PublicKey],
    *,
    name: str,
    cosign: Cosign | None,
) -> str | None:
    """The id of the key of `keys` that signed exactly these bytes; None if none of them did.

    Raises SignatureError where the signature is malformed, is about other bytes, or where the two
    verifiers disagree. `name` stands in messages.
    """
    claim = sigstore_bundle.parse(signature, name=name)
    if claim.digest != hashlib.sha256(document).digest():
        raise SignatureError(
            f"{name} is a signature of another file: the sha256 in it is {claim.digest.hex()}",
            "The document was changed after signing, or the signature belongs to another one.",
        )
    for key in keys.values():
        if key.verify(document, claim.signature):
            if cosign is not None and not cosign.verify_blob(document, signature, key):
                raise SignatureError(
                    f"{name}: cosign refuses a signature that our own verifier accepts",
                    "Do not use this file; report it to the vendor and to the Airferry project.",
                )
            return key.key_id
    return None
