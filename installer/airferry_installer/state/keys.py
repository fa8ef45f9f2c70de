"""The secrets of a state folder, each a file of its own, 0600, made once at `init`.

- `instance` (OpenSSH, ed25519): signs what this installation says: telemetry, evidence, receipts.
- `site.hmac` (32 bytes): stands in for values that may not be guessed from their digests.
- `site.age` (age identity): rendered Secrets are sealed to it wherever they are stored.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from airferry_foundation import files
from airferry_foundation.errors import StateMissingError, StateTamperedError
from airferry_signing import sealing, ssh_keys
from airferry_signing.sealing import Identity
from airferry_signing.ssh_keys import SshPublicKey

_HMAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys in a state folder."""

    folder: Path

    @property
    def instance(self) -> Path:
        """The instance's private SSH key; its public half lies beside it."""
        return self.folder / "instance"

    def create(self) -> None:
        """Make those that are missing (an `init` that was cut leaves some)."""
        if not self.instance.exists():
            ssh_keys.generate(self.instance, comment="airferry instance")
        self._make("site.hmac", secrets.token_bytes(_HMAC_BYTES))
        self._make("site.age", sealing.identity_file(sealing.new_identity()))

    def public(self) -> SshPublicKey:
        """The instance's public key."""
        return ssh_keys.public_beside(self.instance)

    def hmac(self) -> bytes:
        """The site key: 32 random bytes."""
        path = self._there("site.hmac")
        data = files.read_capped(path, _HMAC_BYTES)
        if len(data) != _HMAC_BYTES:
            raise StateTamperedError(f"{path} has {len(data)} bytes, expected {_HMAC_BYTES}")
        return data

    def identity(self) -> Identity:
        """The site's age identity."""
        return sealing.read_identity(self._there("site.age"))

    def _make(self, name: str, data: bytes) -> None:
        path = self.folder / name
        if not path.exists():
            files.write_new(path, data, mode=0o600)

    def _there(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            raise StateMissingError(
                f"{path} is gone", "Restore it from a backup: what it sealed opens with it alone."
            )
        return path
