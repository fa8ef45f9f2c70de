"""SSH keys of people and instances: ed25519, ecdsa-p256 and their hardware (sk) forms. No RSA.

Sources: RFC 4253 section 6.6, RFC 5656, RFC 8709, OpenSSH PROTOCOL.u2f.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from airferry_foundation import files
from airferry_foundation.errors import InputError, SignatureError
from airferry_signing.ssh_wire import Reader

ED25519 = b"ssh-ed25519"
ECDSA = b"ecdsa-sha2-nistp256"
SK_ED25519 = b"sk-ssh-ed25519@openssh.com"
SK_ECDSA = b"sk-ecdsa-sha2-nistp256@openssh.com"
KINDS = (ED25519, ECDSA, SK_ED25519, SK_ECDSA)

MAX_LINE_BYTES = 4096
_TOUCHED = 0x01
_HINT = "Use a key made by `ssh-keygen -t ed25519` (or ecdsa-256, or their -sk forms)."


@dataclass(frozen=True, slots=True)
class SshPublicKey:
    """A public key: `text` is `<kind> <base64>` without a comment, `key_id` is `SHA256:…`."""

    text: str
    key_id: str

    @property
    def blob(self) -> bytes:
        """The key as the wire has it."""
        return base64.b64decode(self.text.split(" ")[1])

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether a signature blob (kind, bytes …) of `message` is by this key.

        Raises ValueError for a blob that can't be read and for a hardware key that was not touched.
        """
        key, mine = Reader(self.blob), Reader(signature)
        kind = key.string()
        if mine.string() != kind:
            raise ValueError("the signature is of another kind than the key")
        value = mine.string()
        signed = message
        if kind in (SK_ED25519, SK_ECDSA):
            flags, counter = mine.take(1), mine.take(4)
            if not flags[0] & _TOUCHED:
                raise ValueError("the hardware key was not touched when it signed")
            application = _skip_to_application(self.blob)
            signed = _sha256(application) + flags + counter + _sha256(message)
        mine.end()
        return _verifies(kind, key, value, signed)


def of_blob(blob: bytes) -> SshPublicKey:
    """The key of a wire encoding; ValueError if it is no key of the four kinds, spelt its way."""
    reader = Reader(blob)
    kind = reader.string()
    if kind not in KINDS:
        raise ValueError(f"a key of kind {kind[:40].decode(errors='replace')!r} is not accepted")
    _load(kind, reader)
    if kind in (SK_ED25519, SK_ECDSA):
        reader.string()
    reader.end()
    key_id = "SHA256:" + base64.b64encode(_sha256(blob)).decode().rstrip("=")
    return SshPublicKey(f"{kind.decode()} {base64.b64encode(blob).decode()}", key_id)


def read_public(text: str, *, name: str = "the SSH public key") -> SshPublicKey:
    """The key of a line `<kind> <base64> [comment]`; SignatureError if it is none we accept."""
    try:
        return _of_line(text)
    except (ValueError, binascii.Error) as error:
        raise SignatureError(f"{name} can't be used: {error}", _HINT) from None


def generate(path: Path, *, comment: str = "airferry") -> SshPublicKey:
    """Make an ed25519 key: `path` (OpenSSH form, unencrypted, 0600) and `path`.pub."""
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    line = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    files.write_new(path, pem, mode=0o600)
    files.write_new(path.with_name(path.name + ".pub"), line + f" {comment}\n".encode())
    return read_public(line.decode())


def public_beside(path: Path) -> SshPublicKey:
    """The public key in `path`.pub; InputError if it is missing."""
    public = path.with_name(path.name + ".pub")
    data = files.read_capped(public, MAX_LINE_BYTES)
    try:
        return read_public(data.decode(), name=str(public))
    except UnicodeDecodeError:
        raise InputError(f"{public} is no SSH public key", _HINT) from None


def _of_line(text: str) -> SshPublicKey:
    parts = text.strip().split(None, 2)
    if len(text) > MAX_LINE_BYTES or "\n" in text.strip() or len(parts) < 2:
        raise ValueError("it is not one line of kind, base64 and comment")
    key = of_blob(base64.b64decode(parts[1], validate=True))
    if key.text != f"{parts[0]} {parts[1]}":
        raise ValueError("its kind or base64 is spelt in another way")
    return key


def _verifies(kind: bytes, key: Reader, value: bytes, signed: bytes) -> bool:
    public = _load(kind, key)
    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(value, signed)
        else:
            numbers = Reader(value)
            der = encode_dss_signature(numbers.mpint(), numbers.mpint())
            numbers.end()
            public.verify(der, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _load(kind: bytes, reader: Reader) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
    if kind in (ED25519, SK_ED25519):
        return ed25519.Ed25519PublicKey.from_public_bytes(reader.string())
    if reader.string() != b"nistp256":
        raise ValueError("the curve is not nistp256")
    point = reader.string()
    if len(point) != 65 or point[0] != 4:
        raise ValueError("the point is compressed or of another length")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def _skip_to_application(blob: bytes) -> bytes:
    reader = Reader(blob)
    kind = reader.string()
    _load(kind, reader)
    return reader.string()


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
