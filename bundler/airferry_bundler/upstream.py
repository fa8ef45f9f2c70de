"""`verify:` in the spec: images must be signed where they come from, by the keys it names.

Real cosign judges, offline and by key. It takes an attestation *about* an image for a signature of
it; so what it found is read again, and only its two kinds of signatures count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec

from airferry_archive.release import Image
from airferry_bundler.carried import CarriedImage
from airferry_bundler.spec import LOCAL_IMAGES, Registry, SpecFile, Verify
from airferry_foundation.errors import SignatureError
from airferry_signing import cosign as cosigns
from airferry_signing.cosign import Cosign

SIGNATURE_KINDS = frozenset(
    {"cosign container image signature", "https://sigstore.dev/cosign/sign/v1"}
)
_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Verified:
    """One image that is signed as the spec demands."""

    image: str
    digest: str
    key: str


class _Pinned(msgspec.Struct, rename={"digest": "docker-manifest-digest"}):
    digest: str = ""


class _Critical(msgspec.Struct):
    image: _Pinned = msgspec.field(default_factory=_Pinned)
    type: str = ""


class _Payload(msgspec.Struct):
    critical: _Critical = msgspec.field(default_factory=_Critical)


def verify(spec_file: SpecFile, images: Iterable[CarriedImage]) -> tuple[Verified, ...]:
    """Every image that an entry of `verify:` fits; SignatureError, with all that are not signed.

    An entry that fits no image is refused too: what it demands was not looked for.
    """
    known = tuple(images)
    entries = spec_file.spec.verify
    wanted = [(one, entry) for one in known for entry in entries if _fits(one, entry)]
    _refuse_idle([one for one in entries if one not in {entry for _, entry in wanted}])
    if not wanted:
        return ()
    program = cosigns.find()

    def judge(pair: tuple[CarriedImage, Verify]) -> Verified | str:
        return _judge(spec_file, pair[0], pair[1], program)

    with ThreadPoolExecutor(_WORKERS) as pool:
        found = list(pool.map(judge, wanted))
    problems = [one for one in found if isinstance(one, str)]
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise SignatureError(
            f"images that must be signed where they come from are not:\n{listed}",
            "Take signed ones, or correct `verify:` in airferry.yaml.",
        )
    return tuple(one for one in found if isinstance(one, Verified))


def _fits(one: CarriedImage, entry: Verify) -> bool:
    """By its name, or by where it comes from: an image with a name of our own is no way past it."""
    return any(fnmatchcase(name, entry.images) for name in (one.image.name, one.origin))


def _refuse_idle(entries: Iterable[Verify]) -> None:
    if idle := ", ".join(entry.images for entry in entries):
        raise SignatureError(
            f"`verify:` fits no image of the release: {idle}",
            "Patterns are of names of images, such as registry.example/acme/*; charts and files "
            "can't be held to it. Correct or remove it in airferry.yaml.",
        )


def signature_of(payloads: bytes, digest: str) -> bool:
    """Whether cosign's answer holds a signature, not just an attestation, of that digest."""
    try:
        found = msgspec.json.decode(payloads, type=list[_Payload])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return any(
        one.critical.type in SIGNATURE_KINDS and one.critical.image.digest == digest
        for one in found
    )


def _judge(
    spec_file: SpecFile, carried: CarriedImage, entry: Verify, program: Cosign
) -> Verified | str:
    name = carried.image.name
    if carried.origin.startswith(LOCAL_IMAGES):
        return f"{name}: {carried.origin} is a local copy; cosign asks the registry it comes from"
    options = list(registry_options(spec_file, carried.origin))
    complaint = ""
    for digest in _signable(carried.image):
        place = f"{carried.origin}@{digest}"
        answer = program.image_signatures(place, spec_file.at(entry.key), options)
        if signature_of(answer.payloads, digest):
            return Verified(name, digest, entry.key)
        told = answer.complaint.splitlines()
        complaint = complaint or next((t for t in told if t.startswith("Error: ")), "")[7:]
        if answer.payloads:
            complaint = "what is there is an attestation, which is no signature"
    return f"{name}: no signature by {entry.key}: {complaint or 'cosign refuses it'}"


def _signable(image: Image) -> tuple[str, ...]:
    """What may be signed: the index or manifest under the tag; else the only platform's manifest.

    All platforms of a signed index are signed with it: it names them by digest.
    """
    first = image.index or image.digest
    return tuple(dict.fromkeys((first, image.digest)))


def registry_options(spec_file: SpecFile, origin: str) -> Iterator[str]:
    """How cosign is to reach a registry, as `registries:` says."""
    said = spec_file.spec.registries.get(origin.partition("/")[0], Registry())
    if said.plain_http:
        yield "--allow-http-registry"
    for option, path in (
        ("--registry-cacert", said.ca),
        ("--registry-client-cert", said.client_certificate),
        ("--registry-client-key", said.client_key),
    ):
        if path is not None:
            yield f"{option}={spec_file.at(path)}"
