"""Roots and thresholds: whether the vendor whose root was pinned signed this release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import signatures
from .documents import canonical, digest, expect_fields, is_digest
from .refusal import Refused

ROLES = ("ack", "channel", "release", "root")
_ROOT = {"schema", "product", "number", "epoch", "issued_at", "keys", "roles"}


@dataclass(frozen=True)
class Signed:
    """A document's bytes and its signatures."""

    document: bytes
    signatures: tuple[bytes, ...]


@dataclass(frozen=True)
class Verdict:
    """Who signed, judged by which root."""

    root: int
    signers: tuple[str, ...]
    threshold: int
    accepted_by_digest: bool
    channel: str


def judge(
    release: Signed, roots: dict[int, Signed], channel: Signed | None, root: bytes, pinned: str
) -> tuple[dict[str, Any], Verdict]:
    """The release, if the newest root that follows the pinned one vouches for it."""
    if digest(root) != pinned:
        raise Refused(
            f"the root that was given has the fingerprint {digest(root)}, not {pinned}: "
            "ask the vendor again, by telephone"
        )
    newest = _newest(read_root(root, "the pinned root"), root, roots)
    accepted = digest(release.document) in newest.get("accepted_releases", ())
    signers = () if accepted else _accept(release, "release", newest, "release.json")
    content = canonical(release.document, "airferry.release/v1", "release.json")
    _expect_place(content, newest, accepted)
    verdict = Verdict(
        root=newest["number"],
        signers=signers,
        threshold=newest["roles"]["release"]["threshold"],
        accepted_by_digest=accepted,
        channel=_judge_channel(channel, newest, content, digest(release.document)),
    )
    return content, verdict


def read_root(data: bytes, name: str) -> dict[str, Any]:
    """A root that obeys every rule by itself."""
    root = canonical(data, "airferry.root/v1", name)
    expect_fields(root, _ROOT, name, {"accepted_releases"})
    if set(root["roles"]) != set(ROLES):
        raise Refused(f"{name} does not have the roles {', '.join(ROLES)}")
    named: set[str] = set()
    for role in ROLES:
        part = root["roles"][role]
        expect_fields(part, {"keys", "threshold"}, f"{name}, role {role}", set())
        keys, threshold = part["keys"], part["threshold"]
        if len(set(keys)) != len(keys) or not 1 <= threshold <= len(keys) <= 16:
            raise Refused(f"{name}: role {role} has keys twice or a threshold that can't be met")
        named |= set(keys)
    if named != set(root["keys"]):
        raise Refused(f"{name} names keys that it does not have, or has keys that nobody names")
    for one, pem in root["keys"].items():
        if signatures.key_id(pem, f"{name}: a key") != one:
            raise Refused(f"{name} calls a key {one}, which is another one's id")
    return root


def _newest(pinned: dict[str, Any], data: bytes, offered: dict[int, Signed]) -> dict[str, Any]:
    """Follow the bundle's roots from the pinned one."""
    number = pinned["number"]
    same = offered.get(number)
    if same is not None and same.document != data:
        raise Refused(f"root {number} is forked: the bundle has other bytes than were pinned")
    if len(offered) > 64:
        raise Refused(f"the bundle has {len(offered)} roots; at most 64 are allowed")
    newest = pinned
    for following in range(number + 1, max(offered, default=0) + 1):
        if following not in offered:
            raise Refused(f"root {following} is missing between {number} and {max(offered)}")
        newest = _follow(newest, offered[following], following)
    return newest


def _follow(before: dict[str, Any], signed: Signed, number: int) -> dict[str, Any]:
    name = f"root {number}"
    root = read_root(signed.document, name)
    if root["number"] != number or root["product"] != before["product"]:
        raise Refused(f"{name} is root {root['number']} of {root['product']}")
    if root["epoch"] not in (before["epoch"], before["epoch"] + 1):
        raise Refused(f"{name} has epoch {root['epoch']} after {before['epoch']}")
    for judging in (before, root):
        _accept(signed, "root", judging, name)
    return root


def _accept(signed: Signed, role: str, root: dict[str, Any], name: str) -> tuple[str, ...]:
    """The ids of the different keys of a role that signed; refused if they are too few."""
    if len(signed.signatures) > signatures.MAX_SIGNATURES:
        raise Refused(f"{name} has {len(signed.signatures)} signatures; 16 are allowed")
    part = root["roles"][role]
    keys = {one: root["keys"][one] for one in part["keys"]}
    found = {
        signatures.signer(signed.document, one, keys, f"{name}, signature {number}")
        for number, one in enumerate(signed.signatures, 1)
    }
    signers = tuple(sorted(one for one in found if one is not None))
    if len(signers) < part["threshold"]:
        raise Refused(
            f"{name} is signed by {len(signers)} of the {part['threshold']} {role} keys that "
            f"root {root['number']} demands"
        )
    return signers


def _expect_place(release: dict[str, Any], root: dict[str, Any], accepted: bool) -> None:
    for field in ("product", "version", "epoch", "release_counter", "root_version", "issued_at"):
        if field not in release:
            raise Refused(f"release.json has no {field}")
    if release["product"] != root["product"]:
        raise Refused(f"the release is of {release['product']}, the root of {root['product']}")
    if release["epoch"] != root["epoch"] and not accepted:
        raise Refused(f"the release is of epoch {release['epoch']}, the root of {root['epoch']}")
    if release["root_version"] > root["number"]:
        raise Refused(f"the release was made with root {release['root_version']}, which is newer")


def _judge_channel(
    signed: Signed | None, root: dict[str, Any], release: dict[str, Any], release_digest: str
) -> str:
    """When the channel statement was issued, '' where there is none; refused if it revokes."""
    if signed is None:
        return ""
    _accept(signed, "channel", root, "channel.json")
    said = canonical(signed.document, "airferry.channel/v1", "channel.json")
    if said["product"] != root["product"]:
        raise Refused(f"channel.json is about {said['product']}")
    if said["epoch"] == release["epoch"]:
        if release["release_counter"] < said["security_floor"]:
            raise Refused(f"the release is below the security floor {said['security_floor']}")
        if any(one == release_digest for one in said.get("revoked", ()) if is_digest(one)):
            raise Refused("the release is revoked by channel.json")
    return str(said["issued_at"])
