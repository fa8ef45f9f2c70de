"""Runs cosign, without a network: the vendor's signer, and the customer's second verifier.

Every call names a trusted root and a signing configuration of its own, both empty: without them
cosign asks for a TUF root over the network. COSIGN_PASSWORD is always set: without it and without
a terminal, cosign reads standard input to its end. cosign's exit code alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from airferry_foundation import files, process, programs
from airferry_foundation.errors import InputError, PassphraseError, ProgramFailedError
from airferry_signing import sigstore_bundle
from airferry_signing.keys import PublicKey, read_public_key

_EMPTY_ROOT = b'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'
_NO_SERVICES = (
    b'{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json",'
    b'"rekorTlogConfig":{},"tsaConfig":{}}'
)
_TIMEOUT = 60  # seconds; signing takes 0.3 of one
_TO_VERIFY = {
    "COSIGN_PASSWORD": "",
    "GOGC": "off",  # it is done before its memory could matter, and a fifth sooner so
}
_PKCS11 = "pkcs11:"
# What cosign complains of when it can't use a key, and the next step.
_HINTS = {
    "pkcs11 token key: unimplemented": (
        "This cosign was built without PKCS#11: put one on PATH that has it (pkcs11key)."
    ),
    "COSIGN_PKCS11_MODULE_PATH": "Set COSIGN_PKCS11_MODULE_PATH to the library of the token.",
    "get pin:": "Set COSIGN_PKCS11_PIN to the PIN of the token.",
    "CKR_PIN": "Set COSIGN_PKCS11_PIN to the right PIN; most tokens lock after a few wrong ones.",
}
_ANY_HINT = "Check that --key names a key made by `keys generate` or a reference cosign knows."


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """The payloads of the signatures that hold, as JSON (b"" if none does), and cosign's words."""

    payloads: bytes
    complaint: str


@dataclass(frozen=True, slots=True)
class Cosign:
    """A cosign of version 3.0.4 or newer."""

    path: Path

    def generate_key_pair(self, prefix: Path, passphrase: str) -> tuple[Path, Path]:
        """Make `<prefix>.key` (encrypted, 0600) and `<prefix>.pub`; never replaces a file."""
        private, public = (prefix.with_name(f"{prefix.name}.{end}") for end in ("key", "pub"))
        for path in (private, public):
            if path.exists():
                raise InputError(f"{path} exists already", "Choose another --name or folder.")
        with files.scratch_folder() as folder:
            self._run(
                ["generate-key-pair", "--output-key-prefix", "pair"], passphrase, folder=folder
            )
            files.write_new(private, (folder / "pair.key").read_bytes(), mode=0o600)
            files.write_new(public, (folder / "pair.pub").read_bytes())
        return private, public

    def public_key(self, key: str, passphrase: str) -> PublicKey:
        """The public half of a key file or of a PKCS#11 or KMS reference."""
        pem = self._run(["public-key", "--key", _expand(key)], passphrase)
        return read_public_key(pem.strip() + b"\n", name=f"the public half of {key}")

    def sign_blob(self, document: Path, key: str, passphrase: str) -> bytes:
        """Sign a small document with a key file or reference; the Sigstore bundle."""
        with _settings() as (folder, settings):
            bundle = folder / "bundle.json"
            given = [*settings, "--signing-config", str(folder / "services.json")]
            to_sign = ["--key", _expand(key), "--bundle", str(bundle), str(document.resolve())]
            self._run(["sign-blob", "--yes", *given, *to_sign], passphrase)
            return files.read_capped(bundle, sigstore_bundle.MAX_BYTES)

    def verify_blob(self, document: bytes, bundle: bytes, key: PublicKey) -> bool:
        """Whether cosign takes `bundle` as a signature of exactly these bytes by `key`."""
        with _settings() as (folder, settings):
            given = {"document": document, "bundle.json": bundle, "key.pub": key.pem.encode()}
            for name, data in given.items():
                (folder / name).write_bytes(data)  # in a folder that is ours alone, and soon gone
            command: list[str | Path] = [self.path, "verify-blob", *settings]
            command += ["--key", folder / "key.pub", "--bundle", folder / "bundle.json"]
            command += ["--insecure-ignore-tlog=true", folder / "document"]
            done = process.run(command, environment=_TO_VERIFY, timeout=_TIMEOUT)
        return done.code == 0

    def image_signatures(self, image: str, key: Path, registry: Sequence[str]) -> ImageAnswer:
        """What cosign says about signatures of `host/path@digest` by a public key; needs no log.

        `registry` are cosign's own options for reaching it; logins are found as docker's are. Both
        forms count: bundles that refer to the image, and those under the tag `sha256-<hex>.sig`.
        """
        with _settings() as (_, settings):
            command: list[str | Path] = [self.path, "verify", *settings, "--key", key]
            command += ["--insecure-ignore-tlog=true", *registry, image]
            done = process.run(command, inherit=True, timeout=_TIMEOUT)
        return ImageAnswer(done.stdout if done.code == 0 else b"", done.complaint)

    def _run(self, arguments: list[str], passphrase: str, *, folder: Path | None = None) -> bytes:
        done = process.run(
            [self.path, *arguments],
            # A root lists keys: with a certificate of the token, cosign would sign as that instead.
            environment={
                "COSIGN_PASSWORD": passphrase,
                "COSIGN_PKCS11_IGNORE_CERTIFICATE": "1",
            },
            inherit=True,  # key references find their PKCS#11 and cloud settings in variables
            folder=folder,
            timeout=_TIMEOUT,
        )
        if done.code == 0:
            return done.stdout
        if "decrypt" in done.complaint:
            raise PassphraseError(
                "the private key can't be opened: wrong passphrase",
                "Set COSIGN_PASSWORD to the passphrase that the key was made with.",
            )
        hints = (hint for words, hint in _HINTS.items() if words in done.complaint)
        hint = next(hints, _ANY_HINT)
        raise ProgramFailedError(f"cosign {arguments[0]} failed: {done.complaint}", hint)


def find() -> Cosign:
    """The cosign on PATH or in the cache; ProgramMissing if there is none that fits."""
    return Cosign(programs.find("cosign"))


def available() -> Cosign | None:
    """Like `find`, but None where there is no fitting cosign."""
    path = programs.available("cosign")
    return Cosign(path) if path else None


@contextmanager
def _settings() -> Iterator[tuple[Path, list[str]]]:
    """A private folder with the two empty configurations, and the option for the first."""
    with files.scratch_folder() as folder:
        (root := folder / "root.json").write_bytes(_EMPTY_ROOT)
        (folder / "services.json").write_bytes(_NO_SERVICES)
        yield folder, ["--trusted-root", str(root)]


def _expand(key: str) -> str:
    """A key file as a full path; references (`pkcs11:…`, `awskms://…`) stay as they are.

    InputError for a reference that holds a PIN: arguments are no place for one.
    """
    if key.startswith(_PKCS11) and "pin-value=" in unquote(key):
        raise InputError(
            "--key holds a PIN, and every user of this machine can read a command's arguments",
            "Leave pin-value out, and set COSIGN_PKCS11_PIN.",
        )
    if "://" in key or key.startswith(_PKCS11):
        return key
    path = Path(key).expanduser()
    if not path.is_file():
        raise InputError(f"{key} is not a key file", "Give --key the path of a .key file.")
    return str(path.resolve())
