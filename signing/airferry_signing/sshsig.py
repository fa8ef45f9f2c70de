"""SSHSIG: the customer's signatures, as `ssh-keygen -Y sign -n airferry-v1` writes them.

Made in process from a plain key file, by ssh-keygen from a key with a passphrase or in hardware;
always verified in process. Source: OpenSSH PROTOCOL.sshsig.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from airferry_foundation import files, process, programs
from airferry_foundation.errors import InputError, PassphraseError, SignatureError
from airferry_signing import ssh_keys
from airferry_signing.ssh_keys import SshPublicKey, generate, public_beside, read_public
from airferry_signing.ssh_wire import Reader, mpint, string

__all__ = [
    "MAX_BYTES",
    "NAMESPACE",
    "SshPrivateKey",
    "SshPublicKey",
    "generate",
    "public_beside",
    "read_private",
    "read_public",
    "sign",
    "verify",
]

NAMESPACE = "airferry-v1"
MAX_BYTES = 8 << 10

_MAGIC = b"SSHSIG"
_BEGIN = "-----BEGIN SSH SIGNATURE-----"
_END = "-----END SSH SIGNATURE-----"
_HASHES = {b"sha512": hashlib.sha512, b"sha256": hashlib.sha256}
_ASKPASS = b'#!/bin/sh\nprintf "%s\\n" "$AIRFERRY_PASSPHRASE"\n'


@dataclass(frozen=True, slots=True)
class SshPrivateKey:
    """A private key: opened here (`opened`), or left to ssh-keygen with its passphrase."""

    path: Path
    public: SshPublicKey
    opened: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | None = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)


def read_private(path: Path, passphrase: str | None = None) -> SshPrivateKey:
    """The private key of an OpenSSH key file.

    One with a passphrase or in hardware is left to ssh-keygen, and needs its `.pub` beside it.
    InputError if the file is no such key.
    """
    data = files.read_capped(path, 16 << 10)
    try:
        opened = serialization.load_ssh_private_key(data, password=None)
    except (TypeError, UnsupportedAlgorithm):  # encrypted; or of a kind that lives in hardware
        return SshPrivateKey(path, public_beside(path), None, passphrase)
    except ValueError:
        if b"BEGIN OPENSSH PRIVATE KEY" in data:
            return SshPrivateKey(path, public_beside(path), None, passphrase)
        raise InputError(
            f"{path} is not an OpenSSH private key", "Make one with `ssh-keygen -t ed25519`."
        ) from None
    if not isinstance(opened, (ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey)):
        raise InputError(f"{path} is an RSA or DSA key", "Use `ssh-keygen -t ed25519`.")
    line = opened.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return SshPrivateKey(path, read_public(line.decode(), name=str(path)), opened)


def sign(message: bytes, private: SshPrivateKey) -> bytes:
    """An armored signature of `message`, in our namespace."""
    if private.opened is None:
        return _sign_with_program(message, private)
    to_sign = _to_sign(message, b"sha512")
    if isinstance(private.opened, ed25519.Ed25519PrivateKey):
        kind, value = ssh_keys.ED25519, private.opened.sign(to_sign)
    else:
        der = private.opened.sign(to_sign, ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        kind, value = ssh_keys.ECDSA, mpint(r) + mpint(s)
    blob = _MAGIC + (1).to_bytes(4, "big") + string(private.public.blob)
    blob += string(NAMESPACE.encode()) + string(b"") + string(b"sha512")
    return _armor(blob + string(string(kind) + string(value)))


def verify(message: bytes, armored: bytes, *, name: str) -> SshPublicKey:
    """The key that signed exactly `message`; whether it may is the caller's to judge.

    SignatureError if the signature is malformed, of another namespace, or does not fit.
    """
    try:
        public, fits = _judge(message, armored)
    except (ValueError, binascii.Error) as error:
        raise SignatureError(
            f"{name} is not a signature that can be used: {error}",
            f"Sign again: ssh-keygen -Y sign -n {NAMESPACE} -f KEY FILE",
        ) from None
    if not fits:
        raise SignatureError(
            f"{name} does not fit the file that it lies beside",
            "The file was changed after it was signed, or the signature belongs to another one.",
        )
    return public


def _judge(message: bytes, armored: bytes) -> tuple[SshPublicKey, bool]:
    """The key that a signature names, and whether it fits; ValueError for what can't be read."""
    reader = Reader(_unarmor(armored))
    if reader.take(len(_MAGIC)) != _MAGIC or reader.uint32() != 1:
        raise ValueError("it is no SSHSIG of version 1")
    public = ssh_keys.of_blob(reader.string())
    namespace, reserved, algorithm = reader.string(), reader.string(), reader.string()
    if namespace != NAMESPACE.encode():
        found = namespace[:40].decode(errors="replace")
        raise ValueError(f"it is for the namespace {found!r}, expected {NAMESPACE!r}")
    if reserved or algorithm not in _HASHES:
        raise ValueError("its hash algorithm or reserved field is not accepted")
    signature = reader.string()
    reader.end()
    return public, public.verifies(_to_sign(message, algorithm), signature)


def _to_sign(message: bytes, algorithm: bytes) -> bytes:
    hashed = _HASHES[algorithm](message).digest()
    head = _MAGIC + string(NAMESPACE.encode()) + string(b"") + string(algorithm)
    return head + string(hashed)


def _armor(blob: bytes) -> bytes:
    text = base64.b64encode(blob).decode()
    lines = [text[start : start + 70] for start in range(0, len(text), 70)]
    return "\n".join([_BEGIN, *lines, _END, ""]).encode()


def _unarmor(armored: bytes) -> bytes:
    if len(armored) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES} bytes")
    lines = armored.decode("ascii").rstrip("\n").split("\n")
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise ValueError("its first or last line is not that of an SSH signature")
    text = "".join(lines[1:-1])
    blob = base64.b64decode(text, validate=True)
    if base64.b64encode(blob).decode() != text:
        raise ValueError("its base64 is not canonical")
    return blob


def _sign_with_program(message: bytes, private: SshPrivateKey) -> bytes:
    """Let ssh-keygen sign: the passphrase goes through its environment, never an argument."""
    program = programs.find("ssh-keygen")
    environment = {}
    with files.scratch_folder() as folder:
        if private.passphrase is not None:
            files.write_new(folder / "askpass", _ASKPASS, mode=0o700)
            environment = {
                "SSH_ASKPASS": str(folder / "askpass"),
                "SSH_ASKPASS_REQUIRE": "force",
                "AIRFERRY_PASSPHRASE": private.passphrase,
            }
        files.write_new(folder / "document", message, mode=0o600)
        done = process.run(
            [program, "-Y", "sign", "-n", NAMESPACE, "-f", private.path, folder / "document"],
            environment=environment,
            inherit=True,  # the agent's socket
        )
        if done.code != 0:
            raise PassphraseError(
                f"ssh-keygen can't sign with {private.path}: {done.complaint}",
                f"Sign by hand: ssh-keygen -Y sign -n {NAMESPACE} -f {private.path} FILE",
            )
        armored = files.read_capped(folder / "document.sig", MAX_BYTES)
    if verify(message, armored, name=f"the new signature by {private.path}") != private.public:
        raise SignatureError(f"{private.path} and {private.path}.pub are not one pair")
    return armored
