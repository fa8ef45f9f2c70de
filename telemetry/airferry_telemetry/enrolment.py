"""enrolment.json: how a vendor gets to know an instance of a customer's.

The fingerprint is read over the telephone; it covers the key, and the key has signed the rest
(`proof`): so nobody on the way can put another customer's name beside it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from airferry_foundation import documents
from airferry_foundation.documents import Document
from airferry_foundation.errors import TelemetryRefusedError
from airferry_foundation.grammar import whole
from airferry_signing import sshsig
from airferry_signing.sshsig import SshPrivateKey, SshPublicKey

MAX_BYTES = 16 << 10

CustomerName = Annotated[str, whole(r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$")]
Fingerprint = Annotated[str, whole(r"^SHA256:[A-Za-z0-9+/]{43}$")]


class Enrolment(Document, frozen=True, kw_only=True):
    """A customer's instance: its public SSH key, and a signature of all the rest by that key."""

    schema: Literal["airferry.enrolment/v1"]
    customer: CustomerName
    key: Annotated[str, msgspec.Meta(max_length=512)]
    fingerprint: Fingerprint
    proof: Annotated[str, msgspec.Meta(max_length=2048)] = ""

    @property
    def public(self) -> SshPublicKey:
        """The instance's key."""
        return sshsig.read_public(self.key, name="the enrolment's key")


def make(customer: str, private: SshPrivateKey) -> bytes:
    """The bytes of an enrolment."""
    public = private.public
    bare = Enrolment(
        schema="airferry.enrolment/v1",
        customer=customer,
        key=public.text,
        fingerprint=public.key_id,
    )
    proof = sshsig.sign(documents.encode(bare), private).decode()
    return documents.encode(msgspec.structs.replace(bare, proof=proof))


def read(data: bytes, *, name: str) -> Enrolment:
    """An enrolment whose key, fingerprint and proof fit; TelemetryRefusedError if they do not."""
    found = documents.decode(data, Enrolment, name=name, cap=MAX_BYTES)
    public = found.public
    bare = documents.encode(msgspec.structs.replace(found, proof=""))
    signer = sshsig.verify(bare, found.proof.encode(), name=f"the proof in {name}")
    if signer != public or found.fingerprint != public.key_id:
        raise TelemetryRefusedError(
            f"{name} is not consistent: key {public.key_id}, fingerprint {found.fingerprint}, "
            f"signed by {signer.key_id}",
            "It was changed on its way; ask the customer for it again.",
        )
    return found
