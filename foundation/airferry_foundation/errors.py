"""One tree of errors, by who is at fault; each class has an exit code of its own.

A class's docstring is its line in the reference page of exit codes, which is generated from here.
A message says what happened, to which file, object or address, what was expected and what was
found; the hint says what to do next.
"""

from __future__ import annotations

import re
from typing import ClassVar

_LOGIN = re.compile(r"""[^\s/'"@:=(,]{0,64}:[^\s/'"]{1,2500}@(?!sha256[:-])(?=[A-Za-z0-9\[])""")


class AirferryError(Exception):
    """Base of all errors that a user may see.

    Messages repeat what was given, and what other programs said, and they are journalled: a login
    in an address (`user:password@host`) is left out of them.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = without_logins(message)
        self.hint = without_logins(hint)
        super().__init__(self.message)


def without_logins(text: str) -> str:
    """The same with `***@` in place of each `user:password@`; `name:tag@sha256:…` stays."""
    return _LOGIN.sub("***@", text) if "@" in text else text


# --- 10 to 19: the input is at fault --------------------------------------------------------------


class InputError(AirferryError):
    """A file, option or value that was given can't be used."""

    exit_code = 10


class HandwrittenError(InputError):
    """A hand-written file (spec, site, policy, values) has mistakes; all of them are listed."""

    exit_code = 11


class DocumentError(InputError):
    """A JSON document is not canonical, has unknown fields, or is of another kind."""

    exit_code = 12


class MissingInputError(InputError):
    """A file, folder, image or chart that was named does not exist."""

    exit_code = 13


class ChartError(InputError):
    """A chart or manifest can't be read or rendered."""

    exit_code = 14


class LockOutdatedError(InputError):
    """The lock does not fit the spec any more; lock again."""

    exit_code = 15


class PassphraseError(InputError):
    """A private key can't be opened with the passphrase that was given."""

    exit_code = 16


class ImageReferenceError(InputError):
    """An image reference is wrong, foreign to the release, or collides with another."""

    exit_code = 17


# --- 20 to 29: trust ------------------------------------------------------------------------------


class TrustError(AirferryError):
    """Something that must be trusted can't be; nothing was changed."""

    exit_code = 20


class BundleMismatchError(TrustError):
    """The bytes of a bundle are not those that its signed release calls for."""

    exit_code = 21


class SignatureError(TrustError):
    """A signature is malformed, of another form, or does not fit its document and key."""

    exit_code = 22


class ThresholdError(TrustError):
    """Fewer different keys or people signed than the role demands."""

    exit_code = 23


class RootError(TrustError):
    """A root is wrong, forked, not chained to the known one, or has another fingerprint."""

    exit_code = 24


class AudienceError(TrustError):
    """The release is for another product, customer, environment or platform."""

    exit_code = 25


class ReleaseRefusedError(TrustError):
    """The release is below the floor, revoked, of another epoch, or equivocates."""

    exit_code = 26


class ApprovalError(TrustError):
    """A plan lacks a valid approval, or an approval does not fit it."""

    exit_code = 27


class TelemetryRefusedError(TrustError):
    """A telemetry file, consent or acknowledgement does not permit what was asked."""

    exit_code = 28


class StateTamperedError(TrustError):
    """The state folder's journal or a sealed record does not fit its own hashes."""

    exit_code = 29


# --- 30 to 39: registry ---------------------------------------------------------------------------


class RegistryError(AirferryError):
    """A registry gave an answer that can't be worked with."""

    exit_code = 30


class RegistryUnreachableError(RegistryError):
    """A registry can't be reached: name, port, TLS, proxy."""

    exit_code = 31


class RegistryDeniedError(RegistryError):
    """A registry refuses the credentials or the right."""

    exit_code = 32


class RegistryMissingError(RegistryError):
    """A registry does not hold an image, tag or blob."""

    exit_code = 33


class RegistryMismatchError(RegistryError):
    """A registry sent bytes whose digest is not the one that was asked for."""

    exit_code = 34


# --- 40 to 49: cluster ----------------------------------------------------------------------------


class ClusterError(AirferryError):
    """The cluster's API gave an answer that can't be worked with."""

    exit_code = 40


class ClusterUnreachableError(ClusterError):
    """The cluster's API server can't be reached."""

    exit_code = 41


class ClusterDeniedError(ClusterError):
    """The cluster refuses the credentials or the right."""

    exit_code = 42


class ConflictError(ClusterError):
    """Somebody else owns a field or an object, or the cluster moved since the plan."""

    exit_code = 43


class UnhealthyError(ClusterError):
    """A workload did not become ready, or a hook failed."""

    exit_code = 44


class ClusterBusyError(ClusterError):
    """Another installer is at work on this environment."""

    exit_code = 45


class ObjectRefusedError(ClusterError):
    """The cluster refuses an object: schema, admission or quota."""

    exit_code = 46


# --- 50 to 59: media ------------------------------------------------------------------------------


class MediaError(AirferryError):
    """A disk, stick or folder can't be read or written."""

    exit_code = 50


class MediaFullError(MediaError):
    """A disk or stick is full."""

    exit_code = 51


class TruncatedError(MediaError):
    """A file ends early: the copy was cut."""

    exit_code = 52


class ReadOnlyError(MediaError):
    """A disk, stick or folder may not be written to."""

    exit_code = 53


class VolumeMissingError(MediaError):
    """A volume of a bundle is not at hand; it is named."""

    exit_code = 54


class FileTooLargeError(MediaError):
    """A medium can't hold so large a file (FAT32: 4 GiB), however much is free."""

    exit_code = 55


# --- 60 to 69: environment ------------------------------------------------------------------------


class MachineError(AirferryError):
    """This machine lacks something, or another run is in the way."""

    exit_code = 60


class ProgramMissingError(MachineError):
    """A program that is needed is not installed, or too old."""

    exit_code = 61


class ProgramFailedError(MachineError):
    """A program that was run failed."""

    exit_code = 62


class ProgramTimeoutError(MachineError):
    """A program that was run did not end in time."""

    exit_code = 63


class StateBusyError(MachineError):
    """Another process uses the state folder."""

    exit_code = 64


class StateMissingError(MachineError):
    """The state folder is not initialised, or lacks what the command needs."""

    exit_code = 65


# --- the rest -------------------------------------------------------------------------------------


class InternalError(AirferryError):
    """A defect in Airferry; please report it."""

    exit_code = 70


class Interrupted(AirferryError):  # noqa: N818 - nothing went wrong: somebody pressed Ctrl-C
    """Interrupted from the keyboard; the same command goes on where it was."""

    exit_code = 130
